//! `trust add` and `trust remove` of what is there already, or is not.

use pxeguard_lab::{Guard, Lab, skip_unless};
use serde_json::Value;

use crate::ended::{Ended, guard};

const MAC: &str = "52:54:00:12:34:56";

fn trusted(guard: &Guard<'_>) -> Vec<String> {
    let list = guard.json("trust list").unwrap();
    let text = |entry: &Value| entry["trust"].as_str().map(str::to_owned);
    list.as_array().unwrap().iter().filter_map(text).collect()
}

#[test]
fn trust_is_added_once_and_removed_once() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let guard = guard(&lab, "--iface vmbr0 --trust-port eno1");
    let say = |what: &str| Ended::of(lab.hypervisor(), &format!("trust {what}"));
    say(&format!("add {MAC}")).succeeded(&[MAC, "is trusted from now on"]);
    say(&format!("add {MAC}")).failed(&[MAC, "is trusted already, by pxeguard trust add"]);
    // The same in other words.
    say("add 52-54-00-12-34-56").failed(&[MAC, "is trusted already"]);
    say("add --port eno1").failed(&["*@eno1", "is trusted already, by an option of pxeguard run"]);
    assert_eq!(trusted(&guard), ["*@eno1", MAC]);

    say("remove 52:54:00:12:34:57").failed(&["52:54:00:12:34:57", "is not trusted", "pxeguard trust list"]);
    say(&format!("remove {MAC},pxe")).failed(&["is not trusted"]);
    say("remove --port eno1").failed(&["by an option of pxeguard run", "start it without"]);
    assert_eq!(trusted(&guard), ["*@eno1", MAC]);
    say(&format!("remove {MAC}")).succeeded(&[MAC, "is not trusted any more"]);
    say(&format!("remove {MAC}")).failed(&["is not trusted"]);
    assert_eq!(trusted(&guard), ["*@eno1"]);
}

#[test]
fn trust_of_the_file_is_removed_there() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let file = "/etc/pxeguard/pxeguard.toml";
    lab.hypervisor().write(file, "iface = \"vmbr0\"\ntrust_port = \"eno1\"\n").unwrap();
    let guard = guard(&lab, "--hook auto");
    let refused = Ended::of(lab.hypervisor(), "trust remove --port eno1");
    refused.failed(&[&format!("is trusted by {file}: remove it there and reload pxeguard")]);
    assert_eq!(trusted(&guard), ["*@eno1"]);
}
