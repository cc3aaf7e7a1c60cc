//! The console as people see it: a real browser, walked once for each role, on a desk and on a phone, in both languages.

mod rules;
mod tickets;

use crate::host::{Host, Server, workbook_with_cell};
use guanjia_domain::{access::Role, import::Cell};
use guanjia_harness::Kind;
use reqwest::{Client, StatusCode, redirect};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use thirtyfour::{LoggingPrefsLogLevel, common::capabilities::chromium::ChromiumLikeCapabilities, prelude::*};

const COMPANY: &str = "示范物业";
const PASSWORD: &str = "guanjia-demo";
const MONTH: &str = "¥139,986.72";
/// The owners on the page of a home.
const OWNERS: &str = "main ul.links li";
/// A home with an owner, as lists show it; row 4 of the example's sheet of homes.
const HOME: &str = "6-1-103";
/// How long a page or the work behind it may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// What the browser is held like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    Desk,
    Phone,
}

impl Screen {
    fn size(self) -> (u32, u32) {
        match self {
            Screen::Desk => (1440, 900),
            Screen::Phone => (390, 844),
        }
    }
}

/// Chromium with its driver and a fresh profile; all of it goes when this is dropped.
struct Browser {
    driver: WebDriver,
    url: String,
    // Dropped before the profile, which the browser uses until then.
    _process: Driver,
    _profile: TempDir,
}

struct Driver {
    process: Child,
    port: u16,
    /// What has to be closed before the driver goes: a browser outlives a driver that is killed.
    session: Option<String>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            let _ = self.close(session);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Driver {
    /// Starts chromedriver on a port of its own choice.
    fn start() -> Self {
        let mut process = Command::new("/usr/bin/chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = |line: String| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok();
        let port = lines.by_ref().map_while(Result::ok).find_map(port).expect("chromedriver says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, port, session: None }
    }

    /// Closes the browser. By hand, because this also happens while a test panics, when nothing can be awaited.
    fn close(&self, session: &str) -> std::io::Result<()> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(connection, "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        connection.read_exact(&mut answer)
    }
}

impl Browser {
    async fn open(server: &Server, screen: Screen, language: &str) -> Self {
        let mut process = Driver::start();
        let profile = tempfile::tempdir().unwrap();
        let (width, height) = screen.size();
        let mut wishes = DesiredCapabilities::chrome();
        let fixed = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        let own = [
            format!("--user-data-dir={}", profile.path().display()),
            format!("--accept-lang={language}"),
            format!("--window-size={width},{height}"),
        ];
        for arg in fixed.into_iter().chain(own.iter().map(String::as_str)) {
            wishes.add_arg(arg).unwrap();
        }
        wishes.set_binary("/usr/bin/chromium").unwrap();
        wishes.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        if screen == Screen::Phone {
            let held = json!({"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2.0, "touch": true, "mobile": true}});
            wishes.add_experimental_option("mobileEmulation", held).unwrap();
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{}", process.port), wishes).await.unwrap();
        process.session = Some(driver.session_id().to_string());
        // Closing is the process's task: what the client would do when dropped waits for an answer for minutes.
        driver.clone().leak().unwrap();
        Self { driver, url: server.url.clone(), _process: process, _profile: profile }
    }

    async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.url)).await.unwrap();
    }

    /// The path that the browser shows.
    async fn here(&self) -> String {
        let url = self.driver.current_url().await.unwrap();
        url.as_str().strip_prefix(&self.url).unwrap_or_else(|| panic!("{url} is another host")).to_owned()
    }

    async fn log_in(&self, name: &str) {
        self.go("/login").await;
        let company = self.one("[name=company]").await;
        assert_eq!(company.value().await.unwrap().unwrap(), COMPANY, "the first company is proposed");
        self.one("[name=name]").await.send_keys(name).await.unwrap();
        self.one("[name=password]").await.send_keys(PASSWORD).await.unwrap();
        self.one("form.fields button").await.click().await.unwrap();
        self.shows(".who", name).await;
    }

    /// Waits for the one element that is displayed and found by a selector.
    async fn one(&self, selector: &str) -> WebElement {
        let query = self.driver.query(By::Css(selector)).wait(PATIENCE, LOOK).and_displayed();
        match query.first().await {
            Ok(element) => element,
            Err(error) => panic!("{selector} is not shown: {error}\n{}", self.everything().await),
        }
    }

    /// Waits for a link or button by the words on it.
    async fn button(&self, words: &str) -> WebElement {
        let path = format!("//*[self::a or self::button or self::summary][normalize-space()='{words}']");
        match self.driver.query(By::XPath(&path)).wait(PATIENCE, LOOK).and_displayed().first().await {
            Ok(element) => element,
            Err(error) => panic!("there is no {words:?} to press: {error}\n{}", self.everything().await),
        }
    }

    async fn press(&self, words: &str) {
        self.button(words).await.click().await.unwrap();
    }

    /// Waits until an element shows some words. Pages load anew by themselves, so elements are looked for each time.
    async fn shows(&self, selector: &str, words: &str) {
        let started = Instant::now();
        loop {
            let texts = self.texts(selector).await;
            if texts.iter().any(|text| text.contains(words)) {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{selector} shows {texts:?}, not {words:?}\n{}",
                self.everything().await
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What the elements of a selector show now. One look of the page at itself, so that nothing changes in between.
    async fn texts(&self, selector: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).map(e => e.innerText.trim())";
        let found = self.run(script, vec![json!(selector)]).await;
        serde_json::from_value(found).unwrap()
    }

    async fn run(&self, script: &str, args: Vec<Value>) -> Value {
        self.driver.execute(script, args).await.unwrap().json().clone()
    }

    async fn has(&self, selector: &str) -> bool {
        !self.texts(selector).await.is_empty()
    }

    async fn everything(&self) -> String {
        let shown = self.run("return document.body ? document.body.innerText : ''", Vec::new()).await;
        format!("{}\n{}", self.here().await, shown.as_str().unwrap_or_default())
    }

    /// What the browser complained about since it was last asked.
    async fn complaints(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.unwrap();
        log.into_iter()
            .filter(|entry| entry.level != "DEBUG" && entry.level != "INFO")
            .map(|entry| entry.message)
            .collect()
    }

    async fn has_no_complaints(&self) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "{}: {complaints:?}", self.here().await);
    }

    /// The row of the home, which has an owner, in the list of units: place, owners, kind, area, occupancy.
    async fn home(&self) -> Vec<String> {
        self.go("/units?search=103").await;
        self.button(HOME).await;
        let script = "return [...document.querySelectorAll('#rows tr')].find(row => row.cells[0].innerText.trim() == arguments[0]).innerText.split('\\t')";
        let cells = self.run(script, vec![json!(HOME)]).await;
        let cells: Vec<String> = serde_json::from_value(cells).unwrap();
        assert_eq!(cells.len(), 5, "{cells:?}");
        cells
    }

    /// Opens a page that is refused with a status: the browser notes that status and complains about nothing else.
    async fn is_refused(&self, path: &str, status: u16, code: &str) {
        self.has_no_complaints().await;
        self.go(path).await;
        self.shows_fault(status, code).await;
    }

    async fn shows_fault(&self, status: u16, code: &str) {
        self.shows("main.card > p:last-child", &format!("{status} {code}")).await;
        let request = self.texts("main.card > p:last-child code").await.remove(0);
        assert!(uuid::Uuid::parse_str(&request).is_ok(), "{request} is no request id");
        for complaint in self.complaints().await {
            assert!(complaint.contains(&format!("status of {status}")), "{complaint}");
        }
    }

    /// The page fits into the width of the screen, and its frame is the one for the screen.
    async fn fits(&self, screen: Screen) {
        let here = self.here().await;
        let (width, height) = screen.size();
        let script = "const tabs = document.querySelector('nav.tabs')?.getBoundingClientRect();
            return [innerWidth, document.documentElement.scrollWidth, document.body.scrollWidth, tabs?.height ?? 0, tabs?.bottom ?? 0, innerHeight]";
        let sizes = self.run(script, Vec::new()).await;
        let [inner, page, body, tabs_height, tabs_bottom, inner_height] =
            [0, 1, 2, 3, 4, 5].map(|index| whole(&sizes[index]));
        assert_eq!(inner, i64::from(width), "{here}: {sizes}");
        assert!(page <= inner && body <= inner, "{here} scrolls sideways: {sizes}");
        assert_eq!(self.has("nav.side").await, screen == Screen::Desk, "{here}");
        assert_eq!(self.has("nav.tabs").await, screen == Screen::Phone, "{here}");
        if screen == Screen::Phone {
            assert_eq!(
                (inner_height, tabs_bottom),
                (i64::from(height), i64::from(height)),
                "{here}: the tabs are not at the bottom"
            );
            assert!(tabs_height >= 44, "{here}: the tabs are too small for a thumb: {sizes}");
        }
        self.has_no_complaints().await;
    }
}

/// A length in whole pixels: the browser may give parts of one.
fn whole(value: &Value) -> i64 {
    let text = value.to_string();
    text.split('.').next().unwrap().parse().unwrap_or_else(|_| panic!("{value} is no length"))
}

/// The demo company with somebody for every role, served.
async fn demo() -> (Host, Server) {
    let host = Host::fresh(Kind::Sqlite).await;
    host.json(&["demo", "--no-serve"]);
    host.try_price("3.00", "2025-01");
    let known = host.run(&["user", "list", "--json"]).expect(0).lines();
    for role in Role::ALL {
        if known.iter().all(|user| user["name"] != role.code()) {
            host.add_person(role.code(), role.code(), PASSWORD);
        }
    }
    let server = host.serve();
    (host, server)
}

/// 财务 previews a month and may not approve it; 项目经理 approves, posts, and asks where an amount comes from.
#[tokio::test]
async fn two_people_bill_the_next_month() {
    let (host, server) = demo().await;
    let finance = Browser::open(&server, Screen::Desk, "zh-CN").await;
    finance.log_in("finance").await;
    finance.shows("h1", "今日").await;
    finance.press("收费").await;
    finance.shows("h1", "收费").await;
    finance.shows(".sub", "从2025 年 2 月起").await;
    finance.press("试算 2025 年 2 月").await;
    finance.shows("h1", "2025 年 2 月账单").await;
    finance.shows("h1 .state", "待批准").await;
    finance.shows(".sub", &format!("852 条，共 {MONTH}，等待 finance 以外的人批准")).await;
    let figures = finance.texts(".cards .card").await;
    let figure =
        |label: &str| figures.iter().find(|figure| figure.starts_with(label)).unwrap_or_else(|| panic!("{figures:?}"));
    assert!(figure("应收合计").contains(MONTH) && figure("差额").contains("¥0.00"), "{figures:?}");
    assert!(figure("账单条数").contains("852") && figure("暂挂").contains("没有暂挂"), "{figures:?}");
    let rows = finance.texts("#totals tr.sum").await;
    assert_eq!(rows.len(), 3, "three fee items: {rows:?}");
    finance.shows(".notice", "须由另一个人批准").await;
    assert!(
        finance.texts("summary, button").await.iter().all(|words| !words.starts_with("批准")),
        "finance made the run"
    );
    let run = finance.here().await;
    finance.has_no_complaints().await;

    let manager = Browser::open(&server, Screen::Desk, "zh-CN").await;
    manager.log_in("manager").await;
    manager.shows(".sub", "1 件事等着处理").await;
    manager.press("去批准").await;
    manager.shows("h1", "2025 年 2 月账单").await;
    assert_eq!(manager.here().await, run);
    manager.press("批准…").await;
    manager.press(&format!("批准 852 条，共 {MONTH}")).await;
    manager.shows("h1 .state", "待过账").await;
    manager.press("过账…").await;
    manager.press(&format!("过账 852 条，共 {MONTH}")).await;
    manager.shows("h1 .state", "已过账").await;
    manager.shows(".sub", &format!("已过账 852 条，共 {MONTH}")).await;
    manager.shows(".plain-list", "manager 于").await;

    let amount = manager.texts("table.list tbody tr:first-child td:nth-child(6)").await.remove(0);
    manager.one("table.list tbody tr:first-child a[data-row]").await.click().await.unwrap();
    manager.shows("h1", "怎么算出来的").await;
    manager.shows(".sum-line strong", &amount).await;
    let steps = manager.texts(".steps li b").await;
    assert_eq!(steps.last(), Some(&amount.replace(',', "")), "the last step is the amount");
    let line = manager.here().await;
    manager.press("重放").await;
    manager.shows("#replay .notice.good", "重放一致").await;
    assert_eq!(manager.here().await, line, "the page stays while a part of it is exchanged");
    manager.has_no_complaints().await;

    // Finance still has the page open from before; it shows the news when looked at again.
    finance.driver.refresh().await.unwrap();
    finance.shows("h1 .state", "已过账").await;
    host.assert_consistent();
}

/// A page that somebody may open: its address, and the words that it begins with.
const PAGES: &[(&str, &str)] = &[
    ("/", "今日"),
    ("/units", "房屋"),
    ("/billing", "收费"),
    ("/plugins", "插件"),
    ("/trials", "规则试算"),
    ("/import", "导入"),
    ("/audit", "审计"),
];

/// What each role sees beside its own page, and nothing else.
fn sees(role: Role) -> &'static [&'static str] {
    match role {
        Role::Admin | Role::Manager => &["今日", "房屋", "工单", "收费", "插件", "规则试算", "导入", "审计"],
        Role::Finance => &["今日", "房屋", "收费", "插件", "规则试算"],
        Role::FrontDesk => &["今日", "房屋", "工单", "收费", "导入"],
        Role::Steward => &["今日", "房屋", "工单", "收费"],
        Role::Cashier => &["今日", "房屋", "收费"],
        Role::Engineer => &["今日", "房屋", "我的工单"],
        Role::Quality => &["今日", "房屋", "工单"],
        Role::Staff => &["今日", "房屋"],
    }
}

#[tokio::test]
async fn every_role_sees_its_own_pages_and_no_other() {
    let (_host, server) = demo().await;
    let browser = Browser::open(&server, Screen::Desk, "zh-CN").await;
    for role in Role::ALL {
        browser.log_in(role.code()).await;
        assert_eq!(browser.texts("nav.side a:not(.logo)").await, sees(*role), "{role}");
        for (path, title) in PAGES {
            if sees(*role).contains(title) {
                browser.go(path).await;
                browser.shows("h1", title).await;
                browser.has_no_complaints().await;
            } else {
                browser.is_refused(path, 403, "permission").await;
                browser.shows("h1", "你的角色不能做这件事").await;
            }
        }
        browser.go("/me").await;
        browser.press("退出登录").await;
        browser.shows("h1", "登录").await;
        browser.go("/units").await;
        assert_eq!(browser.here().await, "/login?next=%2Funits", "{role} is logged out");
        browser.has_no_complaints().await;
    }
}

/// 收费员 previews but does not approve; 工程 sees homes without names and without money.
#[tokio::test]
async fn buttons_and_names_follow_the_role() {
    let (_host, server) = demo().await;
    let browser = Browser::open(&server, Screen::Desk, "zh-CN").await;
    browser.log_in("cashier").await;
    browser.go("/billing").await;
    browser.press("试算 2025 年 2 月").await;
    browser.shows("h1 .state", "待批准").await;
    let run = browser.here().await;
    assert!(!browser.has(".notice").await, "a cashier may approve nobody's run, so nothing is said about one's own");
    let buttons = browser.texts(".acts summary, .acts button").await;
    assert_eq!(buttons, ["取消这次计费", "重新试算"]);
    browser.has_no_complaints().await;
    // The form that the page does not show, sent all the same.
    browser.run("const form = document.createElement('form'); form.method = 'post'; form.action = arguments[0]; document.body.append(form); form.submit()", vec![json!(format!("{run}/approve"))]).await;
    browser.shows_fault(403, "permission").await;
    browser.go(&run).await;
    browser.shows("h1 .state", "待批准").await;

    let masked = browser.home().await.remove(1);
    assert!(masked.contains('*'), "{masked}");
    browser.go("/me").await;
    browser.press("退出登录").await;

    browser.log_in("engineer").await;
    browser.is_refused(&run, 403, "permission").await;
    browser.press("回到今日").await;
    browser.shows("h1", "今日").await;
    assert_eq!(browser.home().await[1], masked);
    browser.press(HOME).await;
    browser.shows("main", "你的角色看不到应收").await;
    browser.shows("main", "姓名已遮盖").await;
    assert_eq!(browser.texts(OWNERS).await, [masked.as_str()]);
    assert!(!browser.everything().await.contains('¥'), "an engineer sees no money");
    browser.is_refused("/units/01933f2a-0000-7000-8000-0000000000ff", 404, "not-found").await;
    browser.go("/me").await;
    browser.press("退出登录").await;

    browser.log_in("steward").await;
    assert_eq!(browser.home().await[1], masked, "lists are masked for everybody");
    browser.press(HOME).await;
    let owner = browser.texts(OWNERS).await.remove(0);
    assert!(!owner.contains('*') && owner.chars().next() == masked.chars().next(), "{owner}");
    browser.has_no_complaints().await;
}

/// Addresses of one page of each sort, found by walking there.
async fn pages(browser: &Browser) -> Vec<String> {
    let mut pages: Vec<String> = PAGES.iter().map(|(path, _)| (*path).to_owned()).collect();
    let mut open = async |from: &str, selector: &str| {
        browser.go(from).await;
        let link = browser.one(selector).await.prop("href").await.unwrap().unwrap();
        let path = link.strip_prefix(&browser.url).unwrap().to_owned();
        pages.push(path.clone());
        path
    };
    open("/units", "a[data-row]").await;
    let run = open("/billing", "a[data-row]").await;
    open(&run, "#totals .sub-row a").await;
    open(&run, "a[data-row]").await;
    let plugin = open("/plugins", "main td a, main a[href^='/plugins/']").await;
    open(&plugin, "main a[href^='/bindings/']").await;
    let trial = open("/trials", "a[data-row]").await;
    open(&trial, "a[data-row]").await;
    pages.push(format!("{run}/held"));
    pages.push("/me".to_owned());
    pages
}

#[rstest::rstest]
#[tokio::test]
async fn every_page_fits_the_screen(
    #[values(Screen::Desk, Screen::Phone)] screen: Screen,
    #[values("zh-CN", "en")] language: &str,
) {
    let (_host, server) = demo().await;
    let browser = Browser::open(&server, screen, language).await;
    browser.log_in("admin").await;
    for page in pages(&browser).await {
        browser.go(&page).await;
        browser.one("h1").await;
        browser.fits(screen).await;
    }
    if screen == Screen::Phone {
        let tabs = browser.texts("nav.tabs a").await;
        let expected = if language == "en" {
            ["Today", "Units", "Billing", "Plug-ins", "Me"]
        } else {
            ["今日", "房屋", "收费", "插件", "我"]
        };
        assert_eq!(tabs, expected);
        for (place, title) in [(3, expected[2]), (2, expected[1]), (1, expected[0])] {
            browser.one(&format!("nav.tabs a:nth-child({place})")).await.click().await.unwrap();
            browser.shows("h1", title).await;
        }
        // What has no tab is reached from one's own page.
        browser.go("/me").await;
        browser.press(if language == "en" { "Import" } else { "导入" }).await;
        browser.one("input[type=file]").await;
    }
    browser.has_no_complaints().await;
}

/// The rest of a phone's day: the confirmation of an approval lies within the screen and above the tabs.
#[tokio::test]
async fn a_run_is_approved_on_a_phone() {
    let (_host, server) = demo().await;
    let phone = Browser::open(&server, Screen::Phone, "zh-CN").await;
    phone.log_in("cashier").await;
    phone.go("/billing").await;
    phone.press("试算 2025 年 2 月").await;
    phone.shows("h1 .state", "待批准").await;
    phone.fits(Screen::Phone).await;
    phone.go("/me").await;
    phone.press("退出登录").await;
    phone.log_in("manager").await;
    phone.press("去批准").await;
    phone.press("批准…").await;
    let confirm = phone.button(&format!("批准 852 条，共 {MONTH}")).await;
    let script = "const pop = document.querySelector('details[open] .pop').getBoundingClientRect();
        const tabs = document.querySelector('nav.tabs').getBoundingClientRect();
        return pop.left >= 0 && pop.right <= innerWidth && pop.top >= 0 && pop.bottom <= tabs.top";
    assert_eq!(phone.run(script, Vec::new()).await, true, "the confirmation lies outside of the screen");
    phone.fits(Screen::Phone).await;
    confirm.click().await.unwrap();
    phone.shows("h1 .state", "待过账").await;
    phone.fits(Screen::Phone).await;
}

/// Labels of a page: everything that is no record, as the line under a heading that is a record itself. Names of projects
/// and fee items stay what they are in any language.
const LABELS: &str = "nav a:not(.logo), h2, th:not([scope]), label, button:not(.link), main .sub:not(h1:has(a) + .sub), summary, dl:not(.records) dt, .empty, .note, .state";

#[tokio::test]
async fn the_language_is_switched_on_every_page_and_stays() {
    let (_host, server) = demo().await;
    let browser = Browser::open(&server, Screen::Desk, "zh-CN").await;
    browser.go("/login").await;
    browser.shows("h1", "登录").await;
    browser.press("English").await;
    browser.shows("h1", "Log in").await;
    browser.press("中文").await;
    browser.shows("h1", "登录").await;
    browser.log_in("admin").await;
    browser.go("/billing").await;
    let run = browser.one("a[data-row]").await.prop("href").await.unwrap().unwrap();
    let run = run.strip_prefix(&server.url).unwrap().to_owned();
    browser.go(&run).await;
    browser.shows(".sub", &format!("已过账 852 条，共 {MONTH}")).await;
    browser.press("English").await;
    browser.shows(".sub", &format!("852 lines posted, {MONTH}.")).await;
    assert_eq!(browser.here().await, run, "one stays on the page");
    let mut chinese: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for page in pages(&browser).await {
        browser.go(&page).await;
        browser.one("h1").await;
        assert_eq!(browser.run("return document.documentElement.lang", Vec::new()).await, "en", "{page}");
        let labels = browser.texts(LABELS).await;
        assert!(labels.len() > 5, "{page}: {labels:?}");
        let left = labels.into_iter().filter(|label| has_chinese(label) && !is_record(label));
        chinese.entry(page).or_default().extend(left);
    }
    chinese.retain(|_, labels| !labels.is_empty());
    assert!(chinese.is_empty(), "labels that are not in English: {chinese:#?}");
    browser.is_refused("/nothing-here", 404, "not-found").await;
    browser.shows("h1", "There is nothing here").await;
    browser.go("/").await;
    browser.press("中文").await;
    browser.shows("h1", "今日").await;
    browser.has_no_complaints().await;
}

fn has_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// Whether the Chinese in a label is a name from the records.
fn is_record(label: &str) -> bool {
    const NAMES: &[&str] =
        &["巴黎都市", "住宅物业费", "生活垃圾清运费", "商业物业费", "停车费", "车位管理费", "开发商", COMPANY];
    let mut rest = label.to_owned();
    for name in NAMES {
        rest = rest.replace(name, "");
    }
    !has_chinese(&rest)
}

/// 客服前台 compares a workbook with the records: bad cells are listed, a good one is written once it was seen.
#[tokio::test]
async fn an_import_shows_what_is_wrong_and_what_would_change() {
    let (host, server) = demo().await;
    let bad = host.file("bad.xlsx", workbook_with_cell("房屋信息", "建筑面积", 4, Cell::Text("很大".into())));
    let good = host.file("good.xlsx", workbook_with_cell("房屋信息", "建筑面积", 4, Cell::Number("120".into())));
    let browser = Browser::open(&server, Screen::Desk, "zh-CN").await;
    browser.log_in("front-desk").await;
    browser.press("导入").await;
    let choose = async |file: &str| {
        assert_eq!(browser.one("[name=project]").await.value().await.unwrap().unwrap(), "巴黎都市");
        browser.one("[name=workbook]").await.send_keys(file).await.unwrap();
        browser.has_no_complaints().await;
        browser.press("比对").await;
    };
    choose(&bad).await;
    browser.shows(".notice.bad", "1 个单元格不能用。 什么都没有写入。").await;
    let cells = browser.texts("main table tbody td").await;
    assert_eq!(cells[..4], ["房屋信息", "4", "建筑面积", "很大"], "{cells:?}");
    assert!(!cells[4].is_empty(), "the reason is missing");
    for complaint in browser.complaints().await {
        assert!(complaint.contains("status of 422"), "{complaint}");
    }
    // The page has the form again, for the mended file.
    choose(&good).await;
    browser.shows(".notice", "将新增 0 行、修改 1 行、删除 0 行").await;
    let rows = browser.texts("main table tbody tr").await;
    assert!(
        rows.len() == 1 && rows[0].contains("修改") && rows[0].contains(HOME) && rows[0].contains("120"),
        "{rows:?}"
    );
    assert!(
        !host
            .run(&["import", "microcommunity", &good, "--project", "巴黎都市", "--dry-run", "--json"])
            .expect(0)
            .json()["differences"]
            .as_array()
            .unwrap()
            .is_empty(),
        "written before anybody said so"
    );
    browser.press("写入 1 行").await;
    browser.shows(".notice.good", "修改 1 行").await;
    browser.press("查看房屋").await;
    assert_eq!(browser.home().await[3], "120.00 m²");
    browser.has_no_complaints().await;
    host.assert_consistent();
    // A file that no estate needs is refused in words, not with a broken connection.
    let huge = host.file("huge.xlsx", vec![0; 40 << 20]);
    browser.go("/import").await;
    choose(&huge).await;
    browser.shows("h1", "文件太大").await;
    browser.shows_fault(413, "too-large").await;
}

/// Searching and paging exchange a part of the page; keys move through it.
#[tokio::test]
async fn units_are_found_while_typing() {
    let (_host, server) = demo().await;
    let browser = Browser::open(&server, Screen::Desk, "zh-CN").await;
    browser.log_in("steward").await;
    browser.home().await;
    browser.press(HOME).await;
    let owner = browser.texts(OWNERS).await.remove(0);
    browser.go("/units").await;
    let first = browser.texts("#rows tr").await.len();
    browser.press("更多").await;
    let started = Instant::now();
    while browser.texts("#rows tr").await.len() <= first {
        assert!(started.elapsed() < PATIENCE, "there are no more rows");
        tokio::time::sleep(LOOK).await;
    }
    browser.driver.action_chain().send_keys("/").perform().await.unwrap();
    let focused = browser.run("return document.activeElement.id", Vec::new()).await;
    assert_eq!(focused, "filter", "the slash goes to the search");
    browser.driver.action_chain().send_keys(&owner).perform().await.unwrap();
    let started = Instant::now();
    loop {
        let places = browser.texts("#rows a").await;
        if places.len() < first && places.iter().any(|place| place == HOME) {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{HOME} of {owner} is not found: {places:?}");
        tokio::time::sleep(LOOK).await;
    }
    let searched = browser.run("return new URLSearchParams(location.search).get('search')", Vec::new()).await;
    assert_eq!(searched, owner.as_str(), "the address can be passed on");
    let place = browser.texts("#rows a").await.remove(0);
    browser.driver.action_chain().send_keys(Key::Down + "").send_keys(Key::Enter + "").perform().await.unwrap();
    browser.shows("h1", &place).await;
    assert!(browser.here().await.starts_with("/units/"), "{}", browser.here().await);
    browser.has_no_complaints().await;
}

/// A client without script: links, forms and cookies only.
struct Plain {
    client: Client,
    url: String,
}

impl Plain {
    fn new(server: &Server) -> Self {
        let client =
            Client::builder().no_proxy().cookie_store(true).redirect(redirect::Policy::limited(5)).build().unwrap();
        Self { client, url: server.url.clone() }
    }

    /// Status, path at the end of all redirects, and the page.
    async fn get(&self, path: &str) -> (StatusCode, String, String) {
        self.done(self.client.get(format!("{}{path}", self.url))).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, String, String) {
        self.done(self.client.post(format!("{}{path}", self.url)).form(form)).await
    }

    async fn done(&self, request: reqwest::RequestBuilder) -> (StatusCode, String, String) {
        let response = request.timeout(PATIENCE).send().await.unwrap();
        (response.status(), response.url().path().to_owned(), response.text().await.unwrap())
    }
}

/// What stands in a page between two texts.
#[track_caller]
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let found = page.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("{before:?} … {after:?} is not in\n{page}")).0
}

#[tokio::test]
async fn the_console_works_without_script() {
    let (host, server) = demo().await;
    let plain = Plain::new(&server);
    let (status, path, page) = plain.get("/billing").await;
    assert_eq!((status, path.as_str()), (StatusCode::OK, "/login"));
    let next = between(&page, r#"name="next" value=""#, "\"").to_owned();
    let wrong = [("company", COMPANY), ("name", "finance"), ("password", "wrong"), ("next", &next)];
    let (status, _, page) = plain.post("/login", &wrong).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(page.contains("公司、用户名或密码不对"), "{page}");
    let right = [("company", COMPANY), ("name", "finance"), ("password", PASSWORD), ("next", &next)];
    let (status, path, page) = plain.post("/login", &right).await;
    assert_eq!((status, path.as_str()), (StatusCode::OK, "/billing"), "{page}");

    let project = between(&page, r#"name="project" value=""#, "\"").to_owned();
    let form = [("project", project.as_str()), ("period", "2025-02")];
    let crossed =
        plain.client.post(format!("{}/billing", server.url)).header("sec-fetch-site", "cross-site").form(&form);
    let (status, _, page) = plain.done(crossed).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "another site's form is refused: {page}");
    let (status, run, mut page) = plain.post("/billing", &form).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let started = Instant::now();
    while !page.contains("待批准") {
        assert!(page.contains(r#"<noscript><meta http-equiv="refresh""#), "the page would not renew itself: {page}");
        assert!(started.elapsed() < PATIENCE, "{page}");
        tokio::time::sleep(LOOK).await;
        page = plain.get(&run).await.2;
    }
    assert!(page.contains(MONTH) && page.contains("须由另一个人批准"), "{page}");
    let (status, _, page) = plain.post(&format!("{run}/approve"), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("这次计费是你做的") && page.contains("请求编号"), "{page}");

    let lines = plain.get(&format!("{run}/lines")).await.2;
    let line = between(&lines, r#"<a href="/decisions/"#, "\"").to_owned();
    let (status, _, page) = plain.post(&format!("/decisions/{line}/replay"), &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("重放一致") && page.contains("怎么算出来的"), "the whole page comes back: {page}");
    let (_, path, page) = plain.post("/logout", &[]).await;
    assert_eq!(path, "/login", "{page}");
    assert_eq!(plain.get(&run).await.1, "/login");
    host.assert_consistent();
}

/// 财务 tries a dearer price before anybody decides on it: fills in the form, waits, reads the report and asks why.
#[tokio::test]
async fn a_price_is_tried_before_it_is_decided() {
    let (host, server) = demo().await;
    let browser = Browser::open(&server, Screen::Desk, "zh-CN").await;
    browser.log_in("finance").await;
    browser.press("规则试算").await;
    browser.shows("h1", "规则试算").await;
    let item = "const field = document.querySelector('[name=fee_item]'); field.value = [...field.options].find(o => o.text == arguments[0]).value;
        const plugin = document.querySelector('[name=plugin]'); plugin.value = arguments[1]; return plugin.value";
    let chosen = browser.run(item, vec![json!("住宅物业费"), json!("area-fee@1.0.0")]).await;
    assert_eq!(chosen, "area-fee@1.0.0");
    for (field, month) in [("from", "2025-01"), ("to", "2025-01")] {
        let proposed = browser.one(&format!("[name={field}]")).await.value().await.unwrap().unwrap();
        assert_eq!(proposed, month, "posted months are proposed");
    }
    let fill = "document.querySelector('[name=settings]').value = arguments[0]";
    browser.run(fill, vec![json!(r#"{"price": 3}"#)]).await;
    browser.press("开始试算").await;
    browser.shows(".notice.bad", "填写的内容不能用").await;
    assert_eq!(browser.complaints().await.len(), 1, "the browser notes the status of the refusal");
    let kept = browser.one("[name=settings]").await.value().await.unwrap().unwrap();
    assert_eq!(kept, r#"{"price": 3}"#, "what was filled in stays");
    browser.run(fill, vec![json!(r#"{"price": "3.10"}"#)]).await;
    browser.press("开始试算").await;
    browser.shows("h1 .state", "已完成").await;
    browser.shows(".cards", "+¥").await;
    browser.shows("table", "420").await;
    browser.shows(".bars", "10 … 20 %").await;
    browser.shows("h2", "涨得最多").await;
    browser.fits(Screen::Desk).await;
    browser.one("a[data-row]").await.click().await.unwrap();
    browser.shows("h1", "为什么不同").await;
    browser.shows(".two", "× 2.8 元").await;
    browser.shows(".two", "× 3.10 元").await;
    browser.press("返回这次试算").await;
    browser.shows("h1 .state", "已完成").await;
    browser.go("/trials").await;
    assert_eq!(browser.texts("table.list tbody tr").await.len(), 2, "the demo's own and this one");
    browser.has_no_complaints().await;
    host.assert_consistent();
}
