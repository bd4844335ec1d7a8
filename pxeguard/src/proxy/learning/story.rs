//! What is known of a client, in words.

use std::time::Duration;

use super::{LOOP_WINDOW, Loads, Stage, Strategy, Trial};
use crate::trust::MacAddress;

/// What became of a client's boot.
pub(super) fn of(trial: &Trial, proven: Option<Strategy>) -> String {
    let Trial { strategy, file, .. } = trial;
    let by = match (trial.stage, &trial.before[..]) {
        (Stage::Http | Stage::Ipxe, _) => String::new(),
        (Stage::Pxe, []) => format!(" by {}", strategy.name()),
        (Stage::Pxe, before) => {
            let before: Vec<_> = before.iter().map(|strategy| strategy.name()).collect();
            format!(" by {}, now by {}", before.join(", "), strategy.name())
        }
    };
    if trial.asked == 0 {
        return format!("it was answered{by}, and fetched {file}");
    }
    let before = match proven {
        Some(proven) if trial.stage == Stage::Pxe => format!("; it has booted by {} before", proven.name()),
        _ => String::new(),
    };
    format!("it was answered {}{by}, and has not fetched {file}: {}{before}", times(trial.asked), why(trial))
}

/// The likeliest cause, by how far the client came.
fn why(trial: &Trial) -> &'static str {
    match (trial.came_to_4011, trial.has_address) {
        (true, _) => {
            "it asked for the file's name on port 4011, so that its firewall or ours may keep UDP port 69 from it"
        }
        (false, true) => {
            "it got an address and then did not ask for the file: \
             either its firmware overlooks such an answer, and the next one differs, or UDP port 69 does not reach us"
        }
        (false, false) => {
            "it did not even ask for an address: either no DHCP server offers it one, \
             or its firmware takes no offer without an address (then the DHCP server itself has to name the file)"
        }
    }
}

/// What a loop looks like.
pub(super) fn of_loop(mac: MacAddress, loads: &Loads) -> String {
    let minutes = LOOP_WINDOW.max(Duration::from_secs(60)).as_secs() / 60;
    format!(
        "{mac} has loaded {} {} in {minutes} minutes: what it loads seems to end, or to load itself again",
        loads.file,
        times(loads.count)
    )
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}
