//! Reads the command line, does what it says, and tells on one line what went wrong.

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process;

use anyhow::{Context, bail};
use clap::Parser;
use clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
use env_logger::fmt::Formatter;
use log::{Level, LevelFilter, Record};
use pxeguard::cli::{
    BootCommand, Cli, Command, ControlArgs, DoctorArgs, ExplainArgs, ProbeArgs, QueryArgs, RunArgs, TrustCommand,
};
use pxeguard::config::{Config, ConfigError};
use pxeguard::control::{Request, Response, ask};
use pxeguard::doctor::{self, Asked, Outcome};
use pxeguard::exit::ExitCode;
use pxeguard::explain::screen_message;
use pxeguard::probe;
use pxeguard::report::{
    ProbeVerdict, alerts_table, boot_table, clients_table, doctor_table, explanation_text, ports_table, probe_table,
    servers_table, status_table, trusts_table,
};
use pxeguard::time::Timestamp;
use pxeguard::web::read_token;
use pxeguard::{capture, daemon, dataplane, manual, watch};
use serde::Serialize;

fn main() -> process::ExitCode {
    let code = match Cli::try_parse() {
        Ok(cli) => match execute(cli.command) {
            Ok(code) => code,
            Err(error) => {
                complain(&format!("{error:#}").replace('\n', "; "));
                match error.downcast_ref() {
                    Some(ConfigError::NoInterface(_) | ConfigError::TwoPrograms(_)) => ExitCode::Usage,
                    _ => ExitCode::Failed,
                }
            }
        },
        Err(asked) if !asked.use_stderr() || asked.kind() == DisplayHelpOnMissingArgumentOrSubcommand => asked.exit(),
        Err(wrong) => {
            complain(&on_one_line(&wrong));
            ExitCode::Usage
        }
    };
    code.into()
}

fn complain(why: &str) {
    eprintln!("{}pxeguard: {why}", journal_prefix(Level::Error));
}

/// What clap says on several lines: the mistake, what is possible, the usage.
fn on_one_line(wrong: &clap::Error) -> String {
    let text = wrong.to_string();
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = lines.join("; ").replace(":; ", ": ").replace("; [", " [");
    line.strip_prefix("error: ").map_or(line.clone(), str::to_owned)
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Probe(args) => return ask_network(&args),
        Command::Run(args) => run(args),
        Command::Status(args) => query(&args, &Request::Status),
        Command::Servers(args) => query(&args, &Request::Servers),
        Command::Ports(args) => query(&args, &Request::Ports),
        Command::Clients(args) => query(&args, &Request::Clients),
        Command::Explain(args) => explain(args),
        Command::Alerts(args) => query(&args, &Request::Alerts),
        Command::Doctor(args) => doctor(args),
        Command::Watch(args) => watch::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Boot(BootCommand::List(args)) => query(&args, &Request::BootList),
        Command::Boot(BootCommand::Set(args)) => {
            change(&args.control, &Request::BootSet { mac: args.mac.0, entry: args.entry, once: args.once })
        }
        Command::Boot(BootCommand::Unset(args)) => change(&args.control, &Request::BootUnset(args.mac.0)),
        Command::Trust(TrustCommand::List(args)) => query(&args, &Request::TrustList),
        Command::Trust(TrustCommand::Add(args)) => change(&args.control, &Request::TrustAdd(args.trust())),
        Command::Trust(TrustCommand::Remove(args)) => change(&args.control, &Request::TrustRemove(args.trust())),
        Command::Token(args) => print(&(read_token(&args.control)? + "\n")),
        Command::Detach => detach(),
        Command::Completions(args) => print(&manual::completions(args.shell)),
        Command::Manual(args) => Ok(manual::write_pages(&args.folder)?),
    }?;
    Ok(ExitCode::Done)
}

fn run(args: RunArgs) -> anyhow::Result<()> {
    let config = Config::load(args)?;
    require_privileges()?;
    start_log();
    daemon::run(config)
}

fn doctor(args: DoctorArgs) -> anyhow::Result<()> {
    let config = Config::load(args.run)?;
    let findings = doctor::check(&config, Asked::ByPerson)?;
    print(&shown(args.json, &findings, |findings| doctor_table(findings)))?;
    match findings.iter().filter(|finding| finding.result == Outcome::Fail).count() {
        0 => Ok(()),
        1 => bail!("one check failed"),
        failed => bail!("{failed} checks failed"),
    }
}

/// Where the kernel's programs and maps are pinned.
const BPFFS: &str = "/sys/fs/bpf";

fn detach() -> anyhow::Result<()> {
    require_privileges()?;
    start_log();
    let removed = dataplane::detach(Path::new(BPFFS))?;
    print(&match removed.ports {
        0 => "nothing was guarded\n".to_owned(),
        ports => {
            format!("removed pxeguard from the kernel; ports no longer guarded: {ports}\n")
        }
    })
}

fn ask_network(args: &ProbeArgs) -> anyhow::Result<ExitCode> {
    let report = probe::probe(args)?;
    print(&shown(args.json, &report, probe_table))?;
    Ok(match report.verdict {
        ProbeVerdict::Ok => ExitCode::Done,
        ProbeVerdict::Conflict | ProbeVerdict::Problem => ExitCode::Failed,
        ProbeVerdict::Nobody => ExitCode::Nobody,
    })
}

fn query(args: &QueryArgs, request: &Request) -> anyhow::Result<()> {
    let response = ask(&args.control.control, request)?;
    let now = Timestamp::now();
    print(&match response {
        Response::Status(status) => shown(args.json, &status, |status| status_table(status, now)),
        Response::Servers(servers) => shown(args.json, &servers, |servers| servers_table(servers, now)),
        Response::Ports(ports) => shown(args.json, &ports, |ports| ports_table(ports, now)),
        Response::Trusts(trusts) => shown(args.json, &trusts, |trusts| trusts_table(trusts)),
        Response::Clients(clients) => shown(args.json, &clients, |clients| clients_table(clients, now)),
        Response::Boot(list) => shown(args.json, &list, boot_table),
        Response::Explained(told) => shown(args.json, &told, |told| explanation_text(told, now)),
        Response::Alerts(alerts) => shown(args.json, &alerts, |alerts| alerts_table(alerts, now)),
        Response::Done(what) => what + "\n",
        other => bail!("the running pxeguard answered something else: {other:?}"),
    })
}

fn explain(args: ExplainArgs) -> anyhow::Result<()> {
    let ExplainArgs { mac, screen, query: asked } = args;
    match mac {
        Some(mac) => query(&asked, &Request::Explain { mac: mac.0, screen }),
        None => {
            let message = screen_message(&screen.unwrap_or_default());
            print(&shown(asked.json, &message, |message| message.in_words() + "\n"))
        }
    }
}

fn shown<T: Serialize>(json: bool, report: &T, table: impl Fn(&T) -> String) -> String {
    if json {
        serde_json::to_string_pretty(report).expect("reports have strings for keys, and finite numbers") + "\n"
    } else {
        table(report)
    }
}

fn change(control: &ControlArgs, request: &Request) -> anyhow::Result<()> {
    match ask(&control.control, request)? {
        Response::Done(what) => print(&format!("{what}\n")),
        other => bail!("the running pxeguard answered something else: {other:?}"),
    }
}

/// Writes to standard output; that the reader has seen enough is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Capabilities by number, from linux/capability.h.
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Loading and attaching programs takes CAP_BPF and CAP_NET_ADMIN (kernel/bpf/syscall.c).  Without CAP_PERFMON the verifier
/// refuses them, because they compare pointers with zero ("pointer comparison prohibited", `check_cond_jmp_op` of
/// kernel/bpf/verifier.c).  CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON (linux/capability.h).
fn require_privileges() -> anyhow::Result<()> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let has = |capability: u32| effective & 1 << capability != 0;
    if has(CAP_NET_ADMIN) && (has(CAP_SYS_ADMIN) || has(CAP_BPF) && has(CAP_PERFMON)) {
        return Ok(());
    }
    bail!("must be root (or have CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)")
}

/// Logs to standard error; `RUST_LOG` says what, else everything from info upwards.
fn start_log() {
    let journal = to_journal();
    let mut log = env_logger::Builder::new();
    // A Rust enum whose tag is not its first byte has no BTF that kernels take (kernel/bpf/btf.c): aya shows all of it,
    // and goes on without.
    log.filter_level(LevelFilter::Info).filter_module("aya::bpf", LevelFilter::Error).parse_default_env();
    if journal {
        // The journal has its own times, and reads the level from the prefix.
        log.format(|f, record| writeln!(f, "{}{}", prefix(record.level()), record.args()));
    } else {
        log.format(write_line);
    }
    log.init();
}

fn write_line(f: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let level = record.level();
    if io::stderr().is_terminal() {
        let style = f.default_level_style(level);
        writeln!(f, "{} {style}{level:<5}{style:#} {}", f.timestamp_millis(), record.args())
    } else {
        writeln!(f, "{} {level:<5} {}", f.timestamp_millis(), record.args())
    }
}

/// Whether standard error is the journal (systemd.exec(5), `JOURNAL_STREAM`), and was not redirected since.
fn to_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    let stderr = fs::metadata("/proc/self/fd/2");
    stderr.is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}

fn journal_prefix(level: Level) -> &'static str {
    if to_journal() { prefix(level) } else { "" }
}

/// Priorities of syslog, as sd-daemon(3) has them.
const fn prefix(level: Level) -> &'static str {
    match level {
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}
