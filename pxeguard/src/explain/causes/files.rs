//! What becomes of the files that a client asks for.

use super::{Findings, cause};
use crate::clients::Boot;
use crate::report::{BootFile, Cause, ClientState, FileResult, Likelihood, printable, size_in_words};

/// So many boots in a row that load the same and nothing else are a loop.
const LOOP: usize = 3;

impl Findings<'_> {
    /// The file that it asked for last, if it has none since.
    fn last_file(&self) -> Option<&BootFile> {
        // It may have asked again since, and was not answered.
        let boot = self.boot.filter(|boot| matches!(boot.state, ClientState::Failed | ClientState::Refused))?;
        boot.attempt.files.last()
    }

    pub(super) fn file_denied(&self) -> Option<Cause> {
        let file = self.last_file().filter(|file| file.result == FileResult::Denied)?;
        let why = file.why.as_deref().unwrap_or_default();
        let (name, via) = (printable(&file.file), file.via.to_uppercase());
        let evidence = vec![format!("it asked for {name} by {via}, and was told: {why}")];
        let is_missing = why.contains("no such file") || why.contains("not found");
        Some(match is_missing {
            true => cause(
                "file_missing",
                Likelihood::Certain,
                &format!("the file {name} is not there"),
                evidence,
                "put it below the boot root, or see what was offered and by whom: pxeguard boot list",
            ),
            false => cause(
                "file_unreadable",
                Likelihood::Certain,
                &format!("the file {name} is there, but is not served: {why}"),
                evidence,
                "see its rights and those of the folders above it (namei -l): the user that pxeguard runs as must read it",
            ),
        })
    }

    pub(super) fn transfer_broken(&self) -> Option<Cause> {
        let file = self.last_file().filter(|file| file.result == FileResult::Failed)?;
        let why = file.why.as_deref().unwrap_or_default();
        let name = printable(&file.file);
        let len = file.len.map(|len| format!(" of {}", size_in_words(len))).unwrap_or_default();
        let evidence = vec![
            format!("{}{len} arrived by {}: {why}", size_in_words(file.bytes), file.via.to_uppercase()),
            format!("{} datagrams were sent again", file.resent),
        ];
        let next = match file.bytes {
            0 => {
                "nothing of it arrived: look for a firewall between (pxeguard doctor), and for an MTU smaller than the blocks \
                  on the way"
            }
            _ => {
                "look for lost packets on the way (ethtool -S, a full or slow link), or for a client that was switched off"
            }
        };
        Some(cause(
            "transfer_broken",
            Likelihood::Certain,
            &format!("the transfer of {name} broke off"),
            evidence,
            next,
        ))
    }

    pub(super) fn boot_loop(&self) -> Option<Cause> {
        let whole = |boot: &Boot| {
            let done: Vec<_> = boot.attempt.files.iter().filter(|file| file.result == FileResult::Done).collect();
            match done[..] {
                [only] => Some(only.file.clone()),
                _ => None,
            }
        };
        let files: Vec<_> = self.case.boots.iter().map_while(whole).collect();
        let file = files.first().filter(|first| files.len() >= LOOP && files.iter().all(|file| file == *first))?;
        let what = format!("it loads {} again and again, and nothing after it", printable(file));
        let evidence = vec![format!("its last {} boots ended so", files.len())];
        let next = "what was loaded does not run there: Secure Boot refuses what is not signed, and a program for another \
                    architecture does not start (pxeguard boot list); or it boots from its disk, and only looks in here";
        Some(cause("boot_loop", Likelihood::Likely, &what, evidence, next))
    }
}
