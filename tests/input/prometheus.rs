//! A real Prometheus beside the guard.

use std::path::Path;

use pxeguard_lab::{Host, Process, until};
use serde_json::Value;

use crate::{SOON, http};

const PORT: u16 = 9090;

const CONFIG: &str = "\
global:
  scrape_interval: 500ms
  scrape_timeout: 400ms
scrape_configs:
  - job_name: pxeguard
    static_configs:
      - targets: ['127.0.0.1:9467']
";

/// A running Prometheus that scrapes the guard of its host; ends with the value.
pub struct Prometheus<'a> {
    host: &'a Host,
    process: Process,
}

impl<'a> Prometheus<'a> {
    /// Starts it; returns once it answers.
    pub fn start(host: &'a Host) -> Self {
        Self::start_with(host, CONFIG)
    }

    /// The same with a file of alert rules.
    pub fn start_with_rules(host: &'a Host, rules: &Path) -> Self {
        let config = CONFIG.replace("scrape_timeout: 400ms\n", "scrape_timeout: 400ms\n  evaluation_interval: 500ms\n");
        Self::start_with(host, &format!("{config}rule_files: ['{}']\n", rules.display()))
    }

    fn start_with(host: &'a Host, config: &str) -> Self {
        host.write("/run/lab/prometheus.yml", config).unwrap();
        let process = host
            .spawn([
                "prometheus",
                "--config.file=/run/lab/prometheus.yml",
                "--storage.tsdb.path=/run/lab/prometheus",
                &format!("--web.listen-address=127.0.0.1:{PORT}"),
            ])
            .unwrap();
        process.wait_line(|line| line.contains("Server is ready to receive web requests"), SOON).unwrap();
        let prometheus = Self { host, process };
        until(SOON, "Prometheus has scraped", || prometheus.query("up").as_array().is_some_and(|up| !up.is_empty()))
            .unwrap_or_else(|why| panic!("{why}: {}", prometheus.process.output()));
        prometheus
    }

    /// The instant vector that an expression has now.
    pub fn query(&self, expression: &str) -> Value {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.get(&format!("/api/v1/query?query={encoded}"))["data"]["result"].take()
    }

    /// What its API answers.
    pub fn get(&self, path: &str) -> Value {
        let answer: Value = serde_json::from_str(&http::get(self.host, PORT, path)).expect("its API speaks JSON");
        assert_eq!(answer["status"], "success", "{answer}");
        answer
    }
}
