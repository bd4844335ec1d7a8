//! A real Prometheus beside the guard.

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
        host.write("/run/lab/prometheus.yml", CONFIG).unwrap();
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
        let answer = http::get(self.host, PORT, &format!("/api/v1/query?query={encoded}"));
        let mut answer: Value = serde_json::from_str(&answer).expect("its API speaks JSON");
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"]["result"].take()
    }
}
