//! 前台 takes a repair in, 工程 works on it on a phone, 前台 calls back; an owner reports and rates through a link.

use super::*;

impl Browser {
    /// Opens the form of a move and sends it.
    async fn make(&self, words: &str) {
        self.open_move(words).await;
        self.send_move(words).await;
    }

    async fn open_move(&self, words: &str) {
        let path = format!("//summary[normalize-space()='{words}']");
        self.driver
            .query(By::XPath(&path))
            .wait(PATIENCE, LOOK)
            .and_displayed()
            .first()
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
    }

    /// Presses the button of the open form, and waits for the page that answers.
    async fn send_move(&self, words: &str) {
        self.run("window.asked = true", Vec::new()).await;
        let path = format!("//details[@open]//button[normalize-space()='{words}']");
        self.driver
            .query(By::XPath(&path))
            .wait(PATIENCE, LOOK)
            .and_displayed()
            .first()
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
        self.answered(words).await;
    }

    async fn answered(&self, words: &str) {
        let started = Instant::now();
        while self.run("return window.asked !== undefined || document.readyState != 'complete'", Vec::new()).await
            != json!(false)
        {
            assert!(started.elapsed() < PATIENCE, "{words} is not answered\n{}", self.everything().await);
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn put(&self, selector: &str, value: &str) {
        let script =
            "const field = document.querySelector(arguments[0]); field.value = arguments[1]; return field.value";
        assert_eq!(
            self.run(script, vec![json!(selector), json!(value)]).await,
            value,
            "{selector} does not take {value:?}"
        );
    }

    /// Chooses by the words of an option, in the form that is open.
    async fn pick(&self, selector: &str, words: &str) {
        let script = "const field = document.querySelector(arguments[0]);
            const found = [...field.options].find(o => o.text.includes(arguments[1])); field.value = found?.value ?? ''; return found?.text ?? ''";
        let chosen = self.run(script, vec![json!(selector), json!(words)]).await;
        assert!(chosen.as_str().unwrap().contains(words), "{selector} has no {words:?}");
    }
}

#[tokio::test]
async fn a_repair_goes_from_the_desk_to_the_engineer_and_back() {
    let (host, server) = demo().await;
    let desk = Browser::open(&server, Screen::Desk, "zh-CN").await;
    desk.log_in("front-desk").await;
    desk.press("工单").await;
    desk.shows("h1", "工单").await;
    desk.shows(".sub", "没有未结的工单").await;
    desk.press("受理").await;
    desk.shows("h1", "受理").await;
    desk.one("[name=search]").await.send_keys(HOME).await.unwrap();
    desk.shows("#found", HOME).await;
    desk.put("[name=caller]", "王先生").await;
    desk.put("[name=phone]", "13800000001").await;
    desk.pick("[name=about]", "给排水").await;
    desk.put("[name=words]", "厨房水管漏水").await;
    desk.run("window.asked = true; document.querySelector('button[value=take-in]').click()", Vec::new()).await;
    desk.answered("受理").await;
    desk.shows("h1 .state", "待派单").await;
    let path = desk.here().await;
    desk.open_move("派单").await;
    desk.pick("details[open] [name=to]", "engineer").await;
    desk.send_move("派单").await;
    desk.shows("h1 .state", "已派单").await;
    desk.has_no_complaints().await;
    desk.go("/tickets").await;
    desk.shows(".board", HOME).await;
    desk.fits(Screen::Desk).await;

    let phone = Browser::open(&server, Screen::Phone, "zh-CN").await;
    phone.log_in("engineer").await;
    phone.go("/tickets/mine").await;
    phone.shows(".sub", "手上 1 张工单").await;
    phone.fits(Screen::Phone).await;
    phone.one("[data-row]").await.click().await.unwrap();
    phone.shows("h1 .state", "已派单").await;
    phone.shows(".facts", "13800000001").await;
    phone.make("接单").await;
    phone.make("开始处理").await;
    phone.shows("h1 .state", "处理中").await;
    phone.fits(Screen::Phone).await;
    phone.open_move("完工").await;
    phone.put("details[open] [name=reason]", "换了一段水管").await;
    phone.send_move("完工").await;
    phone.shows("h1 .state", "已完工").await;
    phone.has_no_complaints().await;

    desk.go(&path).await;
    desk.shows(".history", "换了一段水管").await;
    assert!(!desk.texts("summary").await.contains(&"关闭".to_owned()), "nobody closes it before the follow-up");
    desk.open_move("回访").await;
    desk.pick("details[open] [name=result]", "满意").await;
    desk.pick("details[open] [name=score]", "5").await;
    desk.send_move("回访").await;
    desk.shows("h1 .state", "已回访").await;
    desk.make("关闭").await;
    desk.shows("h1 .state", "已关闭").await;
    assert!(!desk.has(".moves").await && !desk.has("[name=words]").await, "what has ended is not changed");
    desk.has_no_complaints().await;
    host.assert_consistent();
}

#[tokio::test]
async fn an_owner_reports_and_rates_by_link() {
    let (_host, server) = demo().await;
    let desk = Browser::open(&server, Screen::Desk, "en").await;
    desk.log_in("front-desk").await;
    desk.go("/tickets/new").await;
    desk.shows("h1", "Take in").await;
    desk.one("[name=search]").await.send_keys(HOME).await.unwrap();
    desk.shows("#found", HOME).await;
    desk.pick("[name=about]", "Enquiry").await;
    desk.put("[name=words]", "How do I pay").await;
    desk.run("window.asked = true; document.querySelector('button[value=take-in]').click()", Vec::new()).await;
    desk.answered("Take in").await;
    desk.run("window.asked = true; document.querySelector('button[name=unit][value=true]').click()", Vec::new()).await;
    desk.answered("link").await;
    let link = desk.texts(".notice.good a").await.remove(0);
    desk.has_no_complaints().await;

    let owner = Browser::open(&server, Screen::Phone, "zh-CN").await;
    owner.go(&link).await;
    owner.shows("h1", "报事报修").await;
    owner.shows(".sub", HOME).await;
    owner.fits(Screen::Phone).await;
    owner.pick("[name=about]", "电气").await;
    owner.put("[name=words]", "客厅没电").await;
    owner.run("window.asked = true; document.querySelector('.panel form button').click()", Vec::new()).await;
    owner.answered("提交").await;
    owner.shows(".said", "客厅没电").await;
    owner.shows(".state", "已受理").await;
    owner.has_no_complaints().await;
    desk.leave_in_english().await;

    // The manager walks it through at once.
    desk.log_in("manager").await;
    desk.go("/tickets?all=true").await;
    desk.open_newest_ticket().await;
    for made in ["Dispatch", "Accept", "Start"] {
        desk.make(made).await;
    }
    desk.open_move("Solved").await;
    desk.put("details[open] [name=reason]", "fuse").await;
    desk.send_move("Solved").await;
    desk.shows("h1 .state", "Solved").await;

    owner.go(&link).await;
    owner.shows(".state", "已办完").await;
    owner.pick("[name=score]", "4").await;
    owner
        .run("window.asked = true; document.querySelector('button[name=satisfied][value=true]').click()", Vec::new())
        .await;
    owner.answered("满意").await;
    owner.shows(".state", "已评价").await;
    owner.has_no_complaints().await;
}

impl Browser {
    async fn leave_in_english(&self) {
        self.go("/me").await;
        self.run("window.asked = true; document.querySelector('form[action=\"/logout\"] button').click()", Vec::new())
            .await;
        self.answered("log out").await;
    }

    /// Opens the newest ticket of the list.
    async fn open_newest_ticket(&self) {
        self.one("table.list [data-row]").await.click().await.unwrap();
        self.shows("h1 .state", "To dispatch").await;
    }
}
