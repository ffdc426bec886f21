//! Chromium's process, which ends with the test that started it.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use tokio::sync::oneshot;

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Without a sandbox, which containers do not offer; without a GPU, which they do not have.
const FLAGS: [&str; 9] = [
    "--headless=shell",
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--lang=en-US",
    "--remote-debugging-port=0",
    "about:blank",
];

/// Where `infra/browser.sh` puts the browser.
fn folder() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    target.join("browser")
}

/// Whether there is a browser. If not, says so.
pub fn is_there() -> bool {
    let is_there = folder().join("complete").exists();
    if !is_there {
        println!("skipped: there is no browser, infra/browser.sh fetches one");
    }
    is_there
}

/// The script of axe-core, which finds what keeps people with disabilities out.
pub fn axe() -> String {
    fs::read_to_string(folder().join("axe/axe.min.js")).expect("infra/browser.sh has fetched it")
}

/// A running browser.
#[derive(Debug)]
pub struct Process {
    child: Child,
    profile: PathBuf,
    /// Where it listens for commands.
    pub url: String,
}

impl Process {
    /// Starts a browser with an empty profile.
    pub async fn start() -> Self {
        let folder = folder();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let profile = folder.join(format!("profile-{}-{number}", std::process::id()));
        let mut child = Command::new(folder.join("chromium"))
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.display()))
            .env("LD_LIBRARY_PATH", folder.join("lib"))
            .env("FONTCONFIG_FILE", folder.join("fonts.conf"))
            .env("HOME", &profile)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Chromium starts");
        let stderr = child.stderr.take().expect("it is piped");
        let (found, url) = oneshot::channel();
        // The thread reads to the end, so that the browser never waits for a full pipe.
        thread::spawn(move || {
            let mut found = Some(found);
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let (Some(url), true) = (line.strip_prefix("DevTools listening on "), found.is_some()) {
                    let _ = found.take().map(|found| found.send(url.to_owned()));
                }
            }
        });
        let url = url.await.expect("Chromium says where it listens");
        Self { child, profile, url }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}
