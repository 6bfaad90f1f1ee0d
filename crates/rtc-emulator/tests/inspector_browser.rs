//! The page under `/_emulator/` in a real browser: the machine's Chromium, headless, over its DevTools protocol. Own
//! harness, so that what is missing is seen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rtc_emulator::{Action, Emulator, Fault};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The names under which systems have a Chromium.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// How long a page may take on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn main() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path =
        |name: &&str| std::env::split_paths(&path).map(|f| f.join(name)).find(|file| file.is_file());
    let Some(program) = BROWSERS.iter().find_map(on_path) else {
        println!(
            "skipped: needs a browser, one of {} (Debian: apt-get install chromium)",
            BROWSERS.join(", ")
        );
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(4 * LONG, story(program)).await.expect("the browser hangs") });
    println!("1 passed, 0 failed");
}

/// A browser that ends with this value.
struct Browser {
    child: Child,
    profile: PathBuf,
    url: String,
}

impl Browser {
    fn start(program: PathBuf) -> Self {
        let profile = std::env::temp_dir().join(format!("rtc-emulator-browser-{}", std::process::id()));
        let mut command = Command::new(program);
        // Its sandbox refuses the user root; containers have little shared memory.
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]);
        command.args(["--remote-debugging-port=0", "about:blank"]);
        command.arg(format!("--user-data-dir={}", profile.display()));
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let told = lines.find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned));
        // It goes on to complain; somebody has to take that in.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, profile, url: told.expect("it does not say where it listens") }
    }

    /// A new tab.
    async fn tab(&self) -> Tab {
        let (socket, _) = connect_async(&self.url).await.unwrap();
        let mut tab = Tab { socket, next: 0, session: Value::Null, complaints: Vec::new() };
        let target =
            tab.ask("Target.createTarget", json!({ "url": "about:blank" })).await["targetId"].clone();
        let attached = tab.ask("Target.attachToTarget", json!({ "targetId": target, "flatten": true })).await;
        tab.session = attached["sessionId"].clone();
        tab
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

struct Tab {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u64,
    session: Value,
    /// What the page did wrong, as the browser says: exceptions, refusals by the policy.
    complaints: Vec<String>,
}

impl Tab {
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut command = json!({ "id": self.next, "method": method, "params": params });
        if !self.session.is_null() {
            command["sessionId"] = self.session.clone();
        }
        self.socket.send(Message::text(command.to_string())).await.unwrap();
        loop {
            let message = self.socket.next().await.expect("the browser is gone").unwrap();
            let Ok(text) = message.to_text() else { continue };
            let Ok(told) = serde_json::from_str::<Value>(text) else { continue };
            if matches!(told["method"].as_str(), Some("Runtime.exceptionThrown" | "Log.entryAdded")) {
                self.complaints.push(told["params"].to_string());
            }
            if told["id"] == self.next {
                assert!(told["error"].is_null(), "{method}: {told}");
                return told["result"].clone();
            }
        }
    }

    async fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let told = self.ask("Runtime.evaluate", params).await;
        assert!(told["exceptionDetails"].is_null(), "{expression}: {told}");
        told["result"]["value"].clone()
    }

    /// Looks until it holds.
    async fn until(&mut self, expression: &str) {
        let wait = async {
            let mut look = tokio::time::interval(Duration::from_millis(20));
            while self.eval(expression).await != true {
                look.tick().await;
            }
        };
        if tokio::time::timeout(LONG, wait).await.is_err() {
            let text = self.eval("document.body.innerText").await;
            panic!("never: {expression}; the page says {text}; the browser says {:?}", self.complaints);
        }
    }

    async fn key(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && key == "Enter" {
                event["text"] = json!("\r");
            }
            self.ask("Input.dispatchKeyEvent", event).await;
        }
    }
}

async fn story(program: PathBuf) {
    let emulator = Emulator::builder().quotas(false).start().await.unwrap();
    let browser = Browser::start(program);
    let mut tab = browser.tab().await;
    for domain in ["Runtime", "Log", "Page", "Accessibility"] {
        tab.ask(&format!("{domain}.enable"), json!({})).await;
    }
    tab.ask("Page.navigate", json!({ "url": format!("{}/_emulator/", emulator.url()) })).await;
    tab.until("document.getElementById('link')?.textContent === 'live'").await;
    assert_eq!(tab.eval("document.querySelectorAll('#log li').length").await, 0);
    let head = tab.eval("document.querySelector('header').innerText").await;
    assert!(head.as_str().unwrap().contains("on loopback only"), "{head}");

    a_request_is_seen(&emulator, &mut tab).await;
    what_strangers_send_is_text(&emulator, &mut tab).await;
    faults_and_state_are_seen(&emulator, &mut tab).await;
    it_is_used_with_the_keyboard(&mut tab).await;
    it_is_read_aloud(&mut tab).await;
    it_fits_a_telephone(&mut tab).await;
    assert_eq!(tab.complaints, Vec::<String>::new());
}

/// A request that is made after the page was opened.
async fn a_request_is_seen(emulator: &Emulator, tab: &mut Tab) {
    call(emulator, "/session/create?token=canary-token").await;
    tab.until("document.querySelector('#log li summary')?.textContent.includes('create_session')").await;
    let line = tab.eval("document.querySelector('#log li summary').innerText").await;
    let line = line.as_str().unwrap();
    assert!(
        line.contains("opentok create_session") && line.contains("/session/create") && line.contains("403"),
        "{line}"
    );
    let opened = tab
        .eval(
            "(async () => { const box = document.querySelector('#log details'); box.open = true; \
        await new Promise((done) => setTimeout(done)); return box.innerText })()",
        )
        .await;
    let opened = opened.as_str().unwrap();
    assert!(opened.contains("[redacted]") && opened.contains("host: "), "{opened}");
    assert!(!tab.eval("document.documentElement.outerHTML").await.as_str().unwrap().contains("canary-token"));
    // The newest is first, and the one that is open stays so.
    call(emulator, "/nobody").await;
    tab.until("document.querySelector('#log li summary').textContent.includes('/nobody')").await;
    assert_eq!(tab.eval("document.querySelectorAll('#log li').length").await, 2);
    assert_eq!(tab.eval("document.querySelectorAll('#log details')[1].open").await, true);
}

async fn what_strangers_send_is_text(emulator: &Emulator, tab: &mut Tab) {
    // Not even a server lets these characters into a path; a query tells them in code.
    call(
        emulator,
        "/stranger?x=%3Cscript%3Ewindow.taken=1%3C/script%3E%3Cimg%20src=x%20onerror=window.taken=1%3E",
    )
    .await;
    tab.until("document.querySelector('#log li summary').textContent.includes('/stranger')").await;
    tab.eval("document.querySelector('#log details').open = true").await;
    tab.until("document.querySelector('#log li').innerText.includes('<script>')").await;
    let taken =
        "document.querySelectorAll('main img, main script').length === 0 && window.taken === undefined";
    assert_eq!(tab.eval(taken).await, true);
    // The policy would stop it even if it were HTML; the browser says so.
    let policy = "(() => { try { document.body.innerHTML = '<b>'; return false } catch { return true } })()";
    assert_eq!(tab.eval(policy).await, true);
    let told = std::mem::take(&mut tab.complaints);
    assert!(told.iter().all(|text| text.contains("TrustedHTML")), "{told:?}");
}

async fn faults_and_state_are_seen(emulator: &Emulator, tab: &mut Tab) {
    emulator.add_fault(Fault::new(Action::Garbage).id("mine").provider("opentok")).unwrap();
    tab.until("document.getElementById('faults').innerText.includes('mine')").await;
    emulator.clear_faults();
    tab.until("document.getElementById('no-faults').checkVisibility()").await;
    emulator
        .seed(json!({ "mediasfu": { "rooms": { "s-seeded": { "input": { "userName": "h" } } } } }))
        .unwrap();
    call(emulator, "/nobody").await;
    tab.until("document.getElementById('state').innerText.includes('1 rooms')").await;
    tab.until(
        "(() => { for (const box of document.querySelectorAll('#state details')) box.open = true; \
        return document.getElementById('state').innerText.includes('s-seeded') })()",
    )
    .await;
    for name in ["opentok", "mediasfu", "kvs-signaling", "enablex", "sora-rpc"] {
        tab.until(&format!("document.getElementById('state').innerText.includes('{name}: ')")).await;
    }
    tab.eval("for (const box of document.querySelectorAll('details')) box.open = false").await;
}

/// Every control is reached with Tab, and opened with Enter.
async fn it_is_used_with_the_keyboard(tab: &mut Tab) {
    tab.eval("document.getElementById('filter').focus()").await;
    tab.ask("Input.insertText", json!({ "text": "create_session" })).await;
    tab.until("[...document.querySelectorAll('#log li')].filter((li) => li.checkVisibility()).length === 1")
        .await;
    tab.key("Tab", 9).await;
    assert_eq!(tab.eval("document.activeElement.id").await, "pause");
    tab.key("Enter", 13).await;
    tab.until("document.getElementById('link').textContent === 'paused'").await;
    tab.key("Enter", 13).await;
    tab.until("document.getElementById('link').textContent === 'live'").await;
    tab.key("Tab", 9).await;
    assert_eq!(tab.eval("document.activeElement.tagName").await, "SUMMARY");
    tab.key("Enter", 13).await;
    tab.until("document.activeElement.parentElement.open && document.activeElement.parentElement.innerText.includes('headers')").await;
    tab.eval(
        "(() => { const filter = document.getElementById('filter'); filter.value = ''; \
        filter.dispatchEvent(new Event('input')) })()",
    )
    .await;
}

/// Roles and names as a screen reader has them.
async fn it_is_read_aloud(tab: &mut Tab) {
    let tree = tab.ask("Accessibility.getFullAXTree", json!({})).await;
    let has = |role: &str, name: &str| {
        tree["nodes"].as_array().unwrap().iter().any(|node| {
            node["role"]["value"] == role && node["name"]["value"].as_str().unwrap_or("").starts_with(name)
        })
    };
    for (role, name) in [
        ("heading", "rtc-emulator"),
        ("heading", "Faults"),
        ("heading", "State"),
        ("heading", "Requests"),
        ("region", "Faults"),
        ("region", "Requests"),
        ("searchbox", "Show only"),
        ("button", "Pause"),
        ("status", ""),
        ("main", ""),
    ] {
        assert!(has(role, name), "no {role} {name:?}");
    }
    assert_eq!(tab.eval("document.documentElement.lang").await, "en");
}

async fn it_fits_a_telephone(tab: &mut Tab) {
    let metrics = json!({ "width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": true });
    tab.ask("Emulation.setDeviceMetricsOverride", metrics).await;
    tab.until("window.innerWidth === 320 && document.documentElement.scrollWidth <= 320").await;
}

/// A request as any client makes it.
async fn call(emulator: &Emulator, path: &str) {
    let mut stream = TcpStream::connect(emulator.url().strip_prefix("http://").unwrap()).await.unwrap();
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}
