//! The schema, judged by another program: python3-jsonschema.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::http::Http;

/// Validates `answer` by what the schema says of `path`; exit code 1 where it does not hold, 0 where it does.
const JUDGE: &str = "
import json, sys, jsonschema
schema, path, answer = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(schema)
schema.update(schema['answers'][path])
try:
    jsonschema.Draft202012Validator(schema).validate(answer)
except jsonschema.ValidationError as wrong:
    print(wrong.message)
    sys.exit(1)
";

/// What is wrong with an answer, if anything is.
fn complaint(schema: &Value, path: &str, answer: &Value) -> Option<String> {
    let mut python = Command::new("python3");
    python.args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut judge = python.spawn().expect("python3 was found before");
    judge.stdin.take().unwrap().write_all(json!([schema, path, answer]).to_string().as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => None,
        Some(1) if output.stderr.is_empty() => Some(said.into_owned()),
        _ => panic!("{said}"),
    }
}

fn has_judge() -> bool {
    let imported = Command::new("python3").args(["-c", "import jsonschema"]).stderr(Stdio::null()).status();
    imported.is_ok_and(|imported| imported.success())
}

#[test]
fn every_answer_is_as_the_schema_says() {
    if !has_judge() {
        assert!(env::var_os("PXEGUARD_NO_SKIP").is_none(), "may not be skipped: python3-jsonschema is not here");
        return eprintln!("SKIP: python3-jsonschema is not here");
    }
    let http = Http::start();
    let schema = http.get("/api/v1/schema.json", "").json();
    let paths = ["overview", "status", "servers", "ports", "clients", "alerts", "trusts", "history"];
    let answers = paths.map(|name| (format!("/api/v1/{name}"), format!("/api/v1/{name}")));
    let explain = "/api/v1/clients/52:54:00:12:34:56/explain?screen=PXE-E53".to_owned();
    let answers = answers.into_iter().chain([("/api/v1/clients/{mac}/explain".to_owned(), explain)]);
    for (path, asked) in answers {
        let answer = http.get(&asked, "").json();
        assert_eq!(complaint(&schema, &path, &answer), None, "{path}: {answer}");
    }
    let mut wrong = http.get("/api/v1/status", "").json();
    wrong["mode"] = 5.into();
    assert!(complaint(&schema, "/api/v1/status", &wrong).is_some_and(|why| why.contains("is not of type")));
    wrong.as_object_mut().unwrap().remove("mode");
    assert!(complaint(&schema, "/api/v1/status", &wrong).is_some_and(|why| why.contains("'mode' is a required")));
}

#[test]
fn events_are_as_the_schema_says() {
    if !has_judge() {
        assert!(env::var_os("PXEGUARD_NO_SKIP").is_none(), "may not be skipped: python3-jsonschema is not here");
        return eprintln!("SKIP: python3-jsonschema is not here");
    }
    let http = Http::start();
    let schema = http.get("/api/v1/schema.json", "").json();
    let (_, mut viewer) = http.watch();
    for _ in 0..2 {
        let event = super::viewing::next_event(&mut viewer);
        assert_eq!(complaint(&schema, "/api/v1/events", &event.data), None, "{event:?}");
    }
}
