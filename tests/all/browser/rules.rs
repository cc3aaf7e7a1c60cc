//! What admins do with rules by hand: install, switch on with a second person, take back, quarantine and release.

use super::*;
use crate::{
    host::{HOME_FEE, PROJECT},
    trust::changed,
};
use guanjia_hostile::{Guest, corpus::wasi};

const PLUGIN: &str = "/plugins/area-fee/1.0.0";

impl Browser {
    /// Sets a field of a form without typing: dates and choices are entered differently in each language.
    pub(super) async fn fill(&self, name: &str, value: &str) {
        let script = "const field = document.querySelector(`[name='${arguments[0]}']`); field.value = arguments[1]; return field.value";
        assert_eq!(self.run(script, vec![json!(name), json!(value)]).await, value, "{name} does not take {value:?}");
    }

    /// Chooses the option whose words contain the given ones.
    pub(super) async fn choose(&self, name: &str, words: &str) {
        let script = "const field = document.querySelector(`[name='${arguments[0]}']`);
            const found = [...field.options].find(o => o.text.includes(arguments[1])); field.value = found?.value ?? ''; return found?.text ?? ''";
        let chosen = self.run(script, vec![json!(name), json!(words)]).await;
        assert!(
            chosen.as_str().unwrap().contains(words),
            "{name} has no choice {words:?}\n{}",
            self.everything().await
        );
    }

    async fn value(&self, name: &str) -> String {
        let found =
            self.run("return document.querySelector(`[name='${arguments[0]}']`).value", vec![json!(name)]).await;
        found.as_str().unwrap().to_owned()
    }

    /// Presses what sends a form, and waits for the page that answers: going elsewhere at once would be overtaken by it.
    pub(super) async fn send(&self, words: &str) {
        self.run("window.asked = true", Vec::new()).await;
        self.press(words).await;
        let started = Instant::now();
        while self.run("return window.asked !== undefined || document.readyState != 'complete'", Vec::new()).await
            != json!(false)
        {
            assert!(started.elapsed() < PATIENCE, "{words} is not answered\n{}", self.everything().await);
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn open_bind_form(&self) {
        self.go(PLUGIN).await;
        self.press("启用").await;
        self.choose("place", HOME_FEE).await;
        self.press("载入当前参数").await;
        self.shows("form.fields", "提交审批").await;
    }
}

/// 管理员 proposes a price with the report of its trial, 经理 approves it, and 管理员 takes it back.
#[tokio::test]
async fn a_rule_is_switched_on_by_two_people_and_taken_back() {
    let (host, server) = demo().await;
    let admin = Browser::open(&server, Screen::Desk, "zh-CN").await;
    admin.log_in("admin").await;
    admin.go("/proposals").await;
    admin.one("[name=second_person]").await.click().await.unwrap();
    admin.send("保存").await;
    admin.open_bind_form().await;
    assert_eq!(admin.value("s.price").await, "2.8", "the settings in force are carried over");
    admin.has_no_complaints().await;
    admin.fill("from", "2030-01-01").await;
    admin.fill("note", "业主大会通过").await;
    admin.fill("s.price", "3.30").await;
    admin.choose("trial", "3.00").await;
    admin.press("提交审批").await;
    // The report is of another price.
    admin.shows(".notice.bad", "填写的内容不能用").await;
    assert_eq!(admin.complaints().await.len(), 1, "the browser notes the status of the refusal");
    let kept = [admin.value("s.price").await, admin.value("from").await, admin.value("note").await];
    assert_eq!(kept, ["3.30", "2030-01-01", "业主大会通过"], "what was filled in stays");
    admin.fill("s.price", "3.00").await;
    admin.choose("trial", "3.00").await;
    admin.fits(Screen::Desk).await;
    admin.press("提交审批").await;
    admin.shows("h2", "待审批").await;
    admin.shows("main", "业主大会通过").await;
    assert!(!admin.has("form[action$='/approve']").await, "nobody approves what they proposed");

    let manager = Browser::open(&server, Screen::Phone, "zh-CN").await;
    manager.log_in("manager").await;
    manager.go("/proposals").await;
    manager.fits(Screen::Phone).await;
    manager.press("查看试算报告").await;
    manager.shows("h1 .state", "已完成").await;
    manager.go("/proposals").await;
    manager.press("同意启用").await;
    manager.shows("h2", "已同意").await;
    manager.has_no_complaints().await;

    let bound = |host: &Host| {
        let bindings = host.run(&["plugin", "bindings", "--project", PROJECT, "--json"]).expect(0).lines();
        bindings.into_iter().filter(|binding| binding["effective_from"] == "2030-01-01").collect::<Vec<_>>()
    };
    assert_eq!(bound(&host).len(), 1);
    assert!(bound(&host)[0]["settings"].as_str().unwrap().contains("3.00"));
    admin.go(PLUGIN).await;
    let row =
        "return [...document.querySelectorAll('tbody tr')].findIndex(row => row.innerText.includes('2030-01-01 →'))";
    let row = whole(&admin.run(row, Vec::new()).await);
    assert!(row >= 0, "{}", admin.everything().await);
    let open = "const row = document.querySelectorAll('tbody tr')[arguments[0]];
        row.querySelector('form[action$=\"/roll-back\"]').closest('details').open = true;
        row.querySelector('[name=from]').value = '2030-01-01'; row.querySelector('form[action$=\"/roll-back\"] button').click()";
    admin.run(open, vec![json!(row)]).await;
    let started = Instant::now();
    // From that day on the price before holds again.
    let price = |binding: &Value| binding["settings"].as_str().unwrap().contains(r#""price":"2.8""#);
    while !bound(&host).iter().any(|binding| binding["effective_to"].is_null() && price(binding)) {
        assert!(started.elapsed() < PATIENCE, "{:?}", bound(&host));
        tokio::time::sleep(LOOK).await;
    }
    assert_eq!(bound(&host).len(), 2, "what was taken back stays in the history");
    admin.has_no_complaints().await;
    host.assert_consistent();
}

/// 管理员 installs a file, reads what it is, and is told what is wrong with another.
#[tokio::test]
async fn a_plugin_is_installed_by_hand() {
    let (host, server) = demo().await;
    let admin = Browser::open(&server, Screen::Desk, "zh-CN").await;
    admin.log_in("admin").await;
    let broken = host.file("broken.wasm", "no component");
    admin.go("/plugins").await;
    admin.one("[name=component]").await.send_keys(&broken).await.unwrap();
    admin.press("检查并安装").await;
    admin.shows("main", "填写的内容不能用").await;
    assert!(admin.complaints().await.len() <= 1);
    let next = changed("area-fee", |manifest| manifest.version = "1.1.0".parse().unwrap());
    let next = host.file("next.wasm", next);
    admin.go("/plugins").await;
    admin.one("[name=component]").await.send_keys(&next).await.unwrap();
    admin.press("检查并安装").await;
    admin.shows("dl", "未签名").await;
    assert_eq!(admin.here().await, "/plugins/area-fee/1.1.0");
    admin.shows("h2", "与上一版本的差别").await;
    admin.fits(Screen::Desk).await;
    host.assert_consistent();
}

/// 管理员 hands in what takes long to compile: the page of the installation becomes the plug-in's, or says what is wrong.
#[tokio::test]
async fn a_plugin_with_a_runtime_is_installed_while_one_looks_on() {
    let (host, server) = demo().await;
    let admin = Browser::open(&server, Screen::Desk, "zh-CN").await;
    admin.log_in("admin").await;
    let hand_in = async |file: &str| {
        admin.go("/plugins").await;
        admin.one("[name=component]").await.send_keys(file).await.unwrap();
        admin.press("检查并安装").await;
    };
    hand_in(crate::languages::component("offer-fee-js").to_str().unwrap()).await;
    // As quick as the page is, so may the worker be; in the end it is the plug-in's page.
    admin.shows("dl", "虚拟 WASI").await;
    assert_eq!(admin.here().await, "/plugins/offer-fee-js/1.0.0");
    admin.fits(Screen::Desk).await;
    let ends_itself = Guest { describe: "(call $exit (i32.const 0)) (i32.const 256)", ..wasi::guest("unreachable") };
    hand_in(&host.file("ends-itself.wasm", ends_itself.component())).await;
    admin.shows(".notice.bad", "ended itself").await;
    admin.shows("h1 .state", "未通过").await;
    admin.fits(Screen::Desk).await;
    admin.has_no_complaints().await;
    host.assert_consistent();
}

/// 管理员 stops a rule at once, and lets it on again after it passed what it was asked before.
#[tokio::test]
async fn a_rule_is_quarantined_and_released_by_hand() {
    let (host, server) = demo().await;
    let admin = Browser::open(&server, Screen::Desk, "zh-CN").await;
    admin.log_in("admin").await;
    admin.go(PLUGIN).await;
    admin.one("a[data-row]").await.click().await.unwrap();
    admin.shows("h1 .state", "启用中").await;
    admin.press("隔离…").await;
    admin.one("[name=reason]").await.send_keys("单价有疑问").await.unwrap();
    admin.one("form[action$='/quarantine'] button").await.click().await.unwrap();
    admin.shows(".notice.bad", "单价有疑问").await;
    admin.fits(Screen::Desk).await;
    admin.go("/plugins").await;
    admin.shows("main", "已隔离").await;
    admin.go(PLUGIN).await;
    admin.one("a[data-row]").await.click().await.unwrap();
    admin.press("解除隔离…").await;
    admin.one("form[action$='/release'] button").await.click().await.unwrap();
    admin.shows("h1 .state", "启用中").await;
    admin.has_no_complaints().await;
    host.assert_consistent();
}

/// What each night does can be looked at and done by hand, and everybody who reads rules sees what they may ask for.
#[tokio::test]
async fn the_sample_and_the_catalogue_are_pages() {
    let (host, server) = demo().await;
    let browser = Browser::open(&server, Screen::Phone, "en").await;
    browser.log_in("admin").await;
    browser.go("/plugins").await;
    browser.press("Fact catalogue").await;
    browser.shows("table", "gross floor area").await;
    browser.fits(Screen::Phone).await;
    browser.go("/plugins").await;
    browser.press("Replay samples").await;
    browser.shows(".empty", "No sample was taken yet").await;
    browser.press("Take a sample now").await;
    let started = Instant::now();
    while !browser.has("table .state.good").await {
        assert!(started.elapsed() < PATIENCE, "{}", browser.everything().await);
        browser.go("/replay-samples").await;
    }
    browser.fits(Screen::Phone).await;
    host.assert_consistent();
}

/// 管理员 corrects a price that was wrong from the start, 财务 asks what that changes about the posted month, 经理 approves it on a
/// phone and posts it, and an owner's question is answered from both sides.
#[tokio::test]
async fn a_posted_month_is_corrected_by_two_people() {
    let (host, server) = demo().await;
    host.bind("area-fee@1.0.0", r#"{"price":"3.00"}"#, "2025-01-01").expect(0);
    let bindings = host.run(&["plugin", "bindings", "--project", PROJECT, "--json"]).expect(0).lines();
    let corrected = bindings.iter().find(|binding| binding["settings"].as_str().unwrap().contains("3.00")).unwrap();
    let binding = format!("/bindings/{}", corrected["id"].as_str().unwrap());

    let finance = Browser::open(&server, Screen::Desk, "zh-CN").await;
    finance.log_in("finance").await;
    finance.go(&binding).await;
    finance.shows("#re-rate", "2025 年 1 月由其他规则出账").await;
    finance.fits(Screen::Desk).await;
    finance.press("重算这些月份").await;
    finance.shows("h1 .state", "待批准").await;
    finance.shows(".sub", "420 户金额变动，净差额 +¥9,397.62").await;
    let figures = finance.texts(".cards .card").await;
    assert!(figures[0].contains("已过账 ¥131,582.70") && figures[1].contains("调高 420"), "{figures:?}");
    finance.shows("#totals tr.sum", "140,980.32").await;
    finance.shows(".notice", "须由另一个人批准").await;
    finance.fits(Screen::Desk).await;
    finance.has_no_complaints().await;
    let run = finance.here().await;

    let manager = Browser::open(&server, Screen::Phone, "zh-CN").await;
    manager.log_in("manager").await;
    manager.go(&run).await;
    manager.fits(Screen::Phone).await;
    manager.press("批准…").await;
    manager.press("批准 840 条，共 ¥9,397.62").await;
    manager.shows("h1 .state", "待过账").await;
    manager.press("过账…").await;
    manager.press("过账 840 条，共 ¥9,397.62").await;
    manager.shows("h1 .state", "已过账").await;
    manager.shows(".sub", "已更正 420 户").await;
    manager.go(&format!("{run}/lines")).await;
    manager.fits(Screen::Phone).await;
    manager.press("6-1-103").await;
    manager.shows("#adjustment h2", "¥331.16 → ¥354.81").await;
    manager.shows("#adjustment", "118.27 平方米 × 2.8 元").await;
    manager.shows("#adjustment", "118.27 平方米 × 3.00 元").await;
    manager.fits(Screen::Phone).await;
    manager.press("−331.16").await;
    manager.shows(".notice", "冲回已过账的一条").await;
    manager.press("查看那一条").await;
    manager.shows(".notice", "已被更正冲回").await;
    manager.has_no_complaints().await;

    finance.go(&binding).await;
    finance.shows("h2", "历次计费").await;
    assert!(!finance.has("#re-rate").await, "nothing is left to correct");
    finance.has_no_complaints().await;
    host.assert_consistent();
}
