//! What the doctor has found, for people.

use std::fmt::Write;

use super::table::{Text, printable, table};
use crate::doctor::Finding;

/// The findings, and below them what mends what is not well.
pub fn doctor_table(findings: &[Finding]) -> String {
    let rows = findings.iter().map(|finding| {
        let (result, check) = (finding.result.name().to_owned(), finding.check.name().to_owned());
        [result, check, finding.subject.clone(), finding.evidence.clone()]
    });
    let mut text = table([Text("RESULT"), Text("CHECK"), Text("SUBJECT"), Text("EVIDENCE")], rows);
    if findings.iter().any(|finding| finding.remedy.is_some()) {
        text.push_str("\nWhat mends it, the gravest first:\n");
    }
    for finding in findings {
        if let Some(remedy) = &finding.remedy {
            let line = printable(&format!("{} {}: {remedy}", finding.check.name(), finding.subject));
            writeln!(text, "  {line}").expect("a string takes everything");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Check, Outcome};

    #[test]
    fn each_finding_has_a_row_and_what_mends_it_stands_below() {
        let finding = |result, subject: &str, remedy: Option<&str>| Finding {
            check: Check::Holder,
            result,
            subject: subject.to_owned(),
            evidence: "held by dnsmasq (pid 812)".to_owned(),
            remedy: remedy.map(str::to_owned),
        };
        let findings = [finding(Outcome::Fail, "udp 69", Some("kill 812")), finding(Outcome::Pass, "udp 67", None)];
        let expected = "\
RESULT  CHECK   SUBJECT  EVIDENCE
fail    holder  udp 69   held by dnsmasq (pid 812)
pass    holder  udp 67   held by dnsmasq (pid 812)

What mends it, the gravest first:
  holder udp 69: kill 812
";
        assert_eq!(doctor_table(&findings), expected);
        assert!(!doctor_table(&findings[1..]).contains("What mends it"));
    }
}
