//! A tab of the browser, used as a person uses it: by what is written on a page, with a mouse or a keyboard. None of it needs
//! scripts to run in the page, but for [`Tab::evaluate`].

use std::{fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{axe, devtools::DevTools, process::Process};
use crate::TestApp;

/// What a person has at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    Mouse,
    Keyboard,
}

/// A tab.
#[derive(Debug)]
pub struct Tab {
    devtools: DevTools,
    home: String,
    hand: Hand,
    status: u64,
    faults: Vec<String>,
    // Dropped last: the browser ends.
    _process: Process,
}

impl Tab {
    /// A tab of a new browser, of the size of a small laptop's screen.
    pub async fn open(app: &TestApp, hand: Hand) -> Self {
        let process = Process::start().await;
        let mut devtools = DevTools::connect(&process.url).await;
        for domain in ["Page", "DOM", "Log", "Runtime", "Network"] {
            devtools.call(&format!("{domain}.enable"), json!({})).await;
        }
        let home = app.running().url();
        let mut tab = Self { devtools, home, hand, status: 0, faults: Vec::new(), _process: process };
        tab.resize(1280, 800).await;
        tab
    }

    /// Pages run no scripts from now on.
    pub async fn without_scripts(&mut self) {
        self.devtools.call("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// The zone of the person who looks.
    pub async fn in_zone(&mut self, zone: &str) {
        self.devtools.call("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await;
    }

    /// The size of the window.
    pub async fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// The person prefers `light` or `dark`.
    pub async fn prefer(&mut self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Opens a page of the app.
    pub async fn open_page(&mut self, path: &str) {
        self.note();
        let url = if path.starts_with('/') { format!("{}{path}", self.home) } else { path.to_owned() };
        let begun = self.devtools.call("Page.navigate", json!({ "url": url })).await;
        assert!(begun["errorText"].is_null(), "{url}: {begun}");
        self.loaded().await;
    }

    /// Signs in as one of the stand-in's people.
    pub async fn sign_in(&mut self, person: &str) {
        self.open_page("/admin/").await;
        self.press(person).await;
        self.expect(&format!("Signed in as {person}")).await;
    }

    /// The status of the page.
    pub fn status(&self) -> u64 {
        self.status
    }

    /// What the browser complained about since the last call: scripts that failed, and what the page's policy forbade.
    pub fn faults(&mut self) -> Vec<String> {
        self.note();
        std::mem::take(&mut self.faults)
    }

    /// The page as HTML, as the browser has it now.
    pub async fn html(&mut self) -> String {
        let document = self.devtools.call("DOM.getDocument", json!({ "depth": 0 })).await;
        let node = json!({ "nodeId": document["root"]["nodeId"] });
        let html = self.devtools.call("DOM.getOuterHTML", node).await;
        html["outerHTML"].as_str().expect("text").to_owned()
    }

    /// Checks that the page has this text.
    pub async fn expect(&mut self, text: &str) {
        let html = self.html().await;
        let main = html.split_once("</style>").map_or(html.as_str(), |(_, rest)| rest);
        assert!(main.contains(text), "no “{text}” on the page (status {}): {main}", self.status);
    }

    /// Follows the first link of that text.
    pub async fn follow(&mut self, text: &str) {
        self.activate(&format!("//a[normalize-space()=\"{text}\"]")).await;
    }

    /// Presses the first button of that text.
    pub async fn press(&mut self, text: &str) {
        self.activate(&format!("//button[normalize-space()=\"{text}\"]")).await;
    }

    /// Types into the field whose label begins so, in place of what it has.
    pub async fn fill(&mut self, label: &str, text: &str) {
        self.focus(&labeled(label)).await;
        self.key("a", "KeyA", 65, json!({ "commands": ["selectAll"], "modifiers": 2 })).await;
        self.devtools.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Types day and time (`MMDDYYYY`, `HHMM` of the morning) into a field of Chromium's for both.
    pub async fn fill_moment(&mut self, label: &str, day: &str, time: &str) {
        self.focus(&labeled(label)).await;
        self.type_keys(day).await;
        self.key("ArrowRight", "ArrowRight", 39, json!({})).await;
        self.type_keys(time).await;
        self.type_keys("00A").await;
    }

    /// Chooses the entry of a list that begins so.
    pub async fn choose(&mut self, label: &str, text: &str) {
        self.focus(&labeled(label)).await;
        self.type_keys(text).await;
    }

    /// Checks a box, or removes its mark.
    pub async fn toggle(&mut self, label: &str) {
        let node = self.find(&format!("//label[contains(normalize-space(),\"{label}\")]//input")).await;
        match self.hand {
            Hand::Mouse => self.click(node).await,
            Hand::Keyboard => {
                self.devtools.call("DOM.focus", json!({ "nodeId": node })).await;
                self.key(" ", "Space", 32, json!({ "text": " " })).await;
            }
        }
    }

    /// Runs a script in the page, for measurements.
    pub async fn evaluate(&mut self, script: &str) -> Value {
        let request = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut result = self.devtools.call("Runtime.evaluate", request).await;
        assert!(result["exceptionDetails"].is_null(), "{}", result["exceptionDetails"]);
        result["result"]["value"].take()
    }

    /// What axe-core says against the page: rule and elements.
    pub async fn violations(&mut self) -> Vec<String> {
        if self.evaluate("typeof axe").await == "undefined" {
            self.evaluate(&format!("{};0", axe())).await;
        }
        let script = "axe.run(document, { preload: false }).then(r => r.violations.map(v => \
                      `${v.id} (${v.help}): ${v.nodes.slice(0, 3).map(n => n.html + ' ' + n.failureSummary).join(' | ')}`))";
        let found = self.evaluate(script).await;
        found.as_array().expect("a list").iter().map(|one| one.as_str().expect("text").to_owned()).collect()
    }

    /// Writes a picture of the window, or of the whole page, into that file.
    pub async fn picture(&mut self, file: &Path, is_whole: bool) {
        let mut request = json!({ "format": "png", "captureBeyondViewport": is_whole });
        if is_whole {
            let size = self.devtools.call("Page.getLayoutMetrics", json!({})).await["cssContentSize"].take();
            let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
            request["clip"] = clip;
        }
        let picture = self.devtools.call("Page.captureScreenshot", request).await;
        let bytes = BASE64_STANDARD.decode(picture["data"].as_str().expect("text")).expect("base64");
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, bytes).expect("written");
    }

    async fn activate(&mut self, path: &str) {
        let node = self.find(path).await;
        self.note();
        match self.hand {
            Hand::Mouse => self.click(node).await,
            Hand::Keyboard => {
                self.devtools.call("DOM.focus", json!({ "nodeId": node })).await;
                self.key("Enter", "Enter", 13, json!({ "text": "\r" })).await;
            }
        }
        self.loaded().await;
    }

    async fn click(&mut self, node: u64) {
        self.devtools.call("DOM.scrollIntoViewIfNeeded", json!({ "nodeId": node })).await;
        let quads = self.devtools.call("DOM.getContentQuads", json!({ "nodeId": node })).await;
        let corner = |n: usize| quads["quads"][0][n].as_f64().expect("it is on the page");
        let (x, y) = (f64::midpoint(corner(0), corner(4)), f64::midpoint(corner(1), corner(5)));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.devtools.call("Input.dispatchMouseEvent", event).await;
        }
    }

    async fn focus(&mut self, path: &str) {
        let node = self.find(path).await;
        match self.hand {
            Hand::Mouse => self.click(node).await,
            Hand::Keyboard => {}
        }
        // A click into a field for a moment reaches any of its parts; focus begins with the first.
        self.devtools.call("DOM.focus", json!({ "nodeId": node })).await;
    }

    /// The first element of that `XPath`.
    async fn find(&mut self, path: &str) -> u64 {
        self.devtools.call("DOM.getDocument", json!({ "depth": 0 })).await;
        let search = self.devtools.call("DOM.performSearch", json!({ "query": path })).await;
        if search["resultCount"] == 0 {
            let html = self.html().await;
            panic!("no {path} on the page (status {}): {html}", self.status);
        }
        let wanted = json!({ "searchId": search["searchId"], "fromIndex": 0, "toIndex": 1 });
        let found = self.devtools.call("DOM.getSearchResults", wanted).await;
        found["nodeIds"][0].as_u64().expect("an element")
    }

    async fn type_keys(&mut self, text: &str) {
        for key in text.chars() {
            let code = u32::from(key.to_ascii_uppercase());
            self.key(&key.to_string(), "", code, json!({ "text": key.to_string() })).await;
        }
    }

    async fn key(&mut self, key: &str, code: &str, number: u32, more: Value) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number });
            for (name, value) in more.as_object().into_iter().flatten().filter(|_| kind == "keyDown") {
                event[name] = value.clone();
            }
            self.devtools.call("Input.dispatchKeyEvent", event).await;
        }
    }

    async fn loaded(&mut self) {
        let events = self.devtools.until("Page.loadEventFired").await;
        self.take_note_of(events);
    }

    fn note(&mut self) {
        let events = self.devtools.events();
        self.take_note_of(events);
    }

    fn take_note_of(&mut self, events: Vec<Value>) {
        for event in events {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Network.responseReceived" if params["type"] == "Document" => {
                    self.status = params["response"]["status"].as_u64().unwrap_or_default();
                }
                // A refused page is logged as an error of the network; its status says the same.
                "Log.entryAdded" if params["entry"]["level"] == "error" && params["entry"]["source"] != "network" => {
                    self.faults.push(params["entry"]["text"].to_string());
                }
                "Runtime.exceptionThrown" => self.faults.push(params["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" if params["type"] == "error" => self.faults.push(params["args"].to_string()),
                _ => {}
            }
        }
    }
}

/// The field that a label names.
fn labeled(label: &str) -> String {
    format!("//*[@id=//label[starts-with(normalize-space(),\"{label}\")]/@for]")
}
