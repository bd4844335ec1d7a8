//! Commands for working on pxeguard: `cargo xtask help`.
//!
//! Each command is a file with its arguments, its help and its `run`.

mod bench;
mod build;
mod ci;
mod command;
mod demo;
mod fuzz;
mod leftovers;
mod package;
mod packages;
mod run;
mod setup;
mod test;
mod toolchain;
mod versions;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// Commands for working on pxeguard
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Cli {
    Setup(setup::Setup),
    Build(build::Build),
    Package(package::Package),
    Run(run::Run),
    Demo(demo::Demo),
    Test(test::Test),
    Bench(bench::Bench),
    #[command(hide = true)]
    Bare(bench::Bare),
    Fuzz(fuzz::Fuzz),
    Ci(ci::Ci),
}

fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli::Setup(command) => command.run(),
        Cli::Build(command) => command.run(),
        Cli::Package(command) => command.run(),
        Cli::Run(command) => command.run(),
        Cli::Demo(command) => command.run(),
        Cli::Test(command) => command.run(),
        Cli::Bench(command) => command.run(),
        Cli::Bare(command) => command.run(),
        Cli::Fuzz(command) => command.run(),
        Cli::Ci(command) => command.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}
