//! A manager looks somebody up and assigns a post; everybody finds their way through people, organisation and areas.

use super::*;

/// 经理 finds a person while walking, gives her another post, and reads where it stands.
#[tokio::test]
async fn a_manager_looks_somebody_up_and_assigns_a_post() {
    let (host, server) = demo().await;
    let manager = Browser::open(&server, Screen::Desk, "zh-CN").await;
    manager.log_in("manager").await;
    manager.go("/staff").await;
    manager.shows("#rows", "李文静").await;
    manager.shows("#rows", "物业管家 · 巴黎都市").await;
    manager.shows("#rows", "139****0003").await;
    manager.fits(Screen::Desk).await;
    manager.go("/staff?search=G003").await;
    manager.press("李文静").await;
    manager.shows("h1", "G003").await;
    manager.shows("#assignments", "主岗").await;
    manager.run("document.querySelector('#assign').closest('details').open = true", Vec::new()).await;
    manager.choose("post", "前台接待").await;
    manager.fill("starts_on", "2031-01-01").await;
    manager.send("安排").await;
    manager.shows("#assignments", "前台接待").await;
    manager.shows("#assignments", "2031-01-01").await;
    manager.has_no_complaints().await;

    // The same days at the same place are refused in words, and nothing was changed.
    manager.run("document.querySelector('#assign').closest('details').open = true", Vec::new()).await;
    manager.choose("post", "前台接待").await;
    manager.fill("starts_on", "2032-01-01").await;
    manager.send("安排").await;
    manager.shows("main", "已经在任这个岗位").await;
    let assignments =
        host.run(&["staff", "list", "--search", "G003", "--day", "2032-06-01", "--json"]).expect(0).lines();
    assert_eq!(assignments[0]["posts"].as_array().unwrap().len(), 2);

    let phone = Browser::open(&server, Screen::Phone, "en").await;
    phone.log_in("manager").await;
    for (path, shown) in [("/staff", "People"), ("/organisation", "Answers to"), ("/service-areas", "areas with")] {
        phone.go(path).await;
        phone.shows("main", shown).await;
        phone.fits(Screen::Phone).await;
    }
    phone.press("东片区").await;
    phone.shows("#history", "Steward 李文静").await;
    phone.press("李文静").await;
    phone.shows("h1", "G003").await;
    phone.fits(Screen::Phone).await;
    phone.has_no_complaints().await;
    host.assert_consistent();
}
