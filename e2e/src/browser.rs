//! A headless Chromium or Firefox with a fresh profile, driven through a driver of its own.

use crate::{Process, Stage, until};
use anyhow::{Context, Result, bail};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The flags for every test. Autoplay is left as people have it: only muted.
const FLAGS: [&str; 9] = [
    "--headless=new",
    // Containers and root have no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Which browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Debian's Chromium.
    Chromium,
    /// Debian's Firefox ESR; `cargo xtask test --full` installs its driver.
    Firefox,
}

/// A running browser. Ends with its driver when dropped.
pub struct Browser {
    /// Which one it is.
    pub kind: Kind,
    /// The WebDriver session.
    pub client: Client,
    driver: Process,
    profile: PathBuf,
}

/// A line in the browser's console.
#[derive(Clone, Debug, Deserialize)]
pub struct LogEntry {
    /// SEVERE, WARNING, INFO, DEBUG.
    pub level: String,
    /// Who wrote it: `console-api`, `security`, `network`, `javascript`, …
    #[serde(default)]
    pub source: String,
    /// What it says.
    pub message: String,
}

impl Browser {
    /// Starts a Chromium with no page.
    ///
    /// # Errors
    /// Where Chromium or chromedriver is missing or does not start.
    pub async fn start(stage: &Stage) -> Result<Self> {
        Self::chromium(stage, &[]).await
    }

    /// Starts a browser with no page that lets sound begin by itself, as people's browsers do not.
    ///
    /// # Errors
    /// Where it or its driver is missing or does not start.
    pub async fn audible(stage: &Stage, kind: Kind) -> Result<Self> {
        match kind {
            Kind::Chromium => Self::chromium(stage, &["--autoplay-policy=no-user-gesture-required"]).await,
            Kind::Firefox => Self::firefox(stage).await,
        }
    }

    async fn chromium(stage: &Stage, more: &[&str]) -> Result<Self> {
        let profile = tempfile::Builder::new().prefix("profile-").tempdir_in(stage.dir())?.keep();
        let name = profile.file_name().unwrap_or_default().to_string_lossy().replace("profile", "chromedriver");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("TMPDIR", stage.dir());
        let mut driver = Process::start(&name, &mut command, stage.dir())
            .context("cannot start chromedriver (`cargo xtask setup` installs it)")?;
        let port = port(&mut driver, "started successfully on port ").await?;
        let mut flags: Vec<_> = FLAGS.iter().chain(more).map(ToString::to_string).collect();
        flags.push(format!("--user-data-dir={}", profile.display()));
        flags.push("--window-size=1280,900".into());
        let capabilities = json!({
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = session(port, capabilities).await.context("cannot start Chromium")?;
        Ok(Self { kind: Kind::Chromium, client, driver, profile })
    }

    async fn firefox(stage: &Stage) -> Result<Self> {
        let profile = tempfile::Builder::new().prefix("profile-").tempdir_in(stage.dir())?.keep();
        let name = profile.file_name().unwrap_or_default().to_string_lossy().replace("profile", "geckodriver");
        let mut command = Command::new("geckodriver");
        // Firefox does not like another user's home, which root's may be.
        command.args(["--port", "0", "--profile-root"]).arg(&profile).env("TMPDIR", stage.dir()).env("HOME", &profile);
        let mut driver = Process::start(&name, &mut command, stage.dir())
            .context("cannot start geckodriver (`cargo xtask test --full` installs it)")?;
        let port = port(&mut driver, "Listening on 127.0.0.1:").await?;
        let capabilities = json!({
            "moz:firefoxOptions": {
                "binary": "/usr/bin/firefox-esr",
                "args": ["-headless"],
                "prefs": { "media.autoplay.default": 0, "media.autoplay.blocking_policy": 0 },
            },
        });
        let client = session(port, capabilities).await.context("cannot start Firefox")?;
        Ok(Self { kind: Kind::Firefox, client, driver, profile })
    }

    /// Runs a function body in the page.
    ///
    /// # Errors
    /// Where it throws, or the browser is gone.
    pub async fn run(&self, script: &str) -> Result<Value> {
        self.client.execute(script, vec![]).await.with_context(|| format!("in the page: {script}"))
    }

    /// Runs a script in every page from now on, before the page's own.
    ///
    /// # Errors
    /// Where the browser is gone.
    pub async fn before_pages(&self, script: &str) -> Result<()> {
        let source = format!("(() => {{ {script} }})()");
        self.client.issue_cmd(BeforePages(source)).await?;
        Ok(())
    }

    /// What came to the console since the last call; Firefox's driver does not tell.
    ///
    /// # Errors
    /// Where the browser is gone.
    pub async fn console(&self) -> Result<Vec<LogEntry>> {
        if self.kind == Kind::Firefox {
            return Ok(Vec::new());
        }
        Ok(serde_json::from_value(self.client.issue_cmd(BrowserLog).await?)?)
    }

    /// Ends the session and the browser in good order.
    ///
    /// # Errors
    /// Where the browser is gone already.
    pub async fn close(mut self) -> Result<()> {
        self.client.clone().close().await?;
        self.driver.terminate()?;
        Ok(())
    }
}

impl Drop for Browser {
    /// A browser is not a child of ours but of its driver, so it is known by the profile that it alone has.
    fn drop(&mut self) {
        let _ = self.driver.terminate();
        let profile = self.profile.to_string_lossy();
        let Ok(processes) = fs::read_dir("/proc") else { return };
        for process in processes.flatten() {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let name = process.file_name();
            if String::from_utf8_lossy(&command).contains(&*profile)
                && let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok())
            {
                // Most are gone with the first one killed.
                let _ = Command::new("sh").args(["-c", &format!("kill -KILL {id} 2>/dev/null")]).status();
            }
        }
    }
}

/// The port that a driver has told, after these words.
async fn port(driver: &mut Process, words: &str) -> Result<u16> {
    until("the driver tells its port", async || {
        driver.check_running()?;
        let log = driver.log();
        let Some((_, rest)) = log.split_once(words) else { return Ok(None) };
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        // What is not followed by anything may not be whole.
        Ok(rest[..digits].parse().ok().filter(|_| digits < rest.len()))
    })
    .await
}

async fn session(port: u16, capabilities: Value) -> Result<Client> {
    let Value::Object(capabilities) = capabilities else { bail!("capabilities are an object") };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    Ok(builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{port}")).await?)
}

/// chromedriver's command for the console's lines; not in the WebDriver standard.
#[derive(Debug)]
struct BrowserLog;

impl WebDriverCompatibleCommand for BrowserLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// Chromium's own command for a script in every new document, through chromedriver; not in the WebDriver standard.
#[derive(Debug)]
struct BeforePages(String);

impl WebDriverCompatibleCommand for BeforePages {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let command = json!({ "cmd": "Page.addScriptToEvaluateOnNewDocument", "params": { "source": self.0 } });
        (http::Method::POST, Some(command.to_string()))
    }
}
