//! Grace periods of the kernel's RCU made short for a while: each new link waits for one, and with it whoever else
//! changes the network, for they wait under its lock.

use std::fs;
use std::path::{Path, PathBuf};

/// Short grace periods for the whole machine, as long as the value lives.
///
/// Ten milliseconds and more for each link become less than one.  The kernel ends such a grace period by interrupts to
/// its CPUs, some hundred of them for as many links.  Where that must not be, the administrator's
/// `/sys/kernel/rcu_normal` wins over this switch, which kernels for real time have set by themselves
/// (Documentation/admin-guide/kernel-parameters.txt, `rcupdate.rcu_normal_after_boot`).
#[derive(Debug)]
pub struct Expedited {
    /// The switch, if it is we who switched it on.
    switched_on: Option<PathBuf>,
}

impl Expedited {
    /// From now on.  That it cannot be is no error: everything takes its time then.
    pub fn begin() -> Self {
        Self::by(Path::new("/sys/kernel/rcu_expedited"))
    }

    fn by(switch: &Path) -> Self {
        let is_off = fs::read_to_string(switch).is_ok_and(|state| state.trim() == "0");
        if !is_off {
            return Self { switched_on: None };
        }
        match fs::write(switch, "1") {
            Ok(()) => Self { switched_on: Some(switch.to_owned()) },
            Err(error) => {
                log::debug!("attaching takes its time: cannot write {}: {error}", switch.display());
                Self { switched_on: None }
            }
        }
    }
}

impl Drop for Expedited {
    fn drop(&mut self) {
        if let Some(switch) = &self.switched_on
            && let Err(error) = fs::write(switch, "0")
        {
            log::error!("cannot switch {} off again: {error}", switch.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(state: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let switch = folder.path().join("rcu_expedited");
        fs::write(&switch, state).unwrap();
        (folder, switch)
    }

    #[test]
    fn the_switch_is_on_for_a_while_only() {
        let (_folder, switch) = switch("0\n");
        let expedited = Expedited::by(&switch);
        assert_eq!(fs::read_to_string(&switch).unwrap(), "1");
        drop(expedited);
        assert_eq!(fs::read_to_string(&switch).unwrap(), "0");
    }

    #[test]
    fn what_somebody_else_has_switched_on_stays_on() {
        let (_folder, switch) = switch("1\n");
        drop(Expedited::by(&switch));
        assert_eq!(fs::read_to_string(&switch).unwrap(), "1\n");
    }

    #[test]
    fn where_there_is_no_switch_none_is_made() {
        let (folder, switch) = switch("0\n");
        fs::remove_file(&switch).unwrap();
        drop(Expedited::by(&switch));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
