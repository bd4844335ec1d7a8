//! The command line told once more: to shells, which complete it, and as manual pages.
//!
//! Both are made of the declaration in `cli`, so that neither can say something else than `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;

/// Why there is no manual.
#[derive(Debug, thiserror::Error)]
#[error("cannot write manual pages into {}", folder.display())]
pub struct ManualError {
    /// Where to.
    pub folder: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A script by which a shell completes the commands and options.
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8(script).expect("names and help are text")
}

/// Writes `pxeguard.1`, and `pxeguard-COMMAND.1` for each command that `--help` names.
pub fn write_pages(folder: &Path) -> Result<(), ManualError> {
    pages(&declared(), folder).map_err(|source| ManualError { folder: folder.to_owned(), source })
}

/// The whole command line.
fn declared() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

/// The page of a command, and those of the commands below it.
fn pages(command: &Command, folder: &Path) -> io::Result<()> {
    let commands: Vec<_> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    commands.iter().try_for_each(|command| pages(command, folder))?;
    let page = Man::new(command.clone()).source(concat!("pxeguard ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if !commands.is_empty() {
        page.render_subcommands_section(&mut text)?;
    }
    if let Some(examples) = command.get_after_long_help() {
        render_examples(&examples.to_string(), &mut text)?;
    }
    fs::write(folder.join(page.get_filename()), text)
}

/// What `--help` has at its end, line by line as it is there: clap_mangen would fill its lines up.
fn render_examples(examples: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in examples.strip_prefix("Examples:\n").unwrap_or(examples).lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []).to_writer(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_help_names_has_a_page_and_those_that_it_hides_have_none() {
        let folder = tempfile::tempdir().unwrap();
        write_pages(folder.path()).unwrap();
        let page = |name: &str| fs::read_to_string(folder.path().join(format!("{name}.1"))).ok();
        for command in declared().get_subcommands() {
            let page = page(&format!("pxeguard-{}", command.get_name()));
            assert_eq!(page.is_some(), !command.is_hide_set(), "{}", command.get_name());
        }
        assert!(page("pxeguard").unwrap().contains("pxeguard\\-run(1)"));
        let run = page("pxeguard-run").unwrap();
        assert!(run.contains("\\-\\-trust\\-port"));
        let examples = run.split_once(".SH EXAMPLES\n.nf\n").expect("it has examples").1;
        assert_eq!(examples.lines().filter(|line| line.starts_with("  pxeguard run")).count(), 6);
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let error = write_pages(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.to_string(), "cannot write manual pages into /nowhere/at/all");
    }

    #[test]
    fn each_shell_is_told_of_each_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = completions(shell);
            for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
