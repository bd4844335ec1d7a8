//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::boot::{ClientMac, ProgramChoice};
use crate::config::{DEFAULT_CONTROL, MAX_PER_S, ModeChoice};
use crate::hook::HookChoice;
use crate::trust::{InterfaceName, Trust};

mod probe;

pub use probe::ProbeArgs;

/// Lets exactly the DHCP and PXE servers that you trust answer, on every port of a Linux bridge, and boots PXE clients.
#[derive(Debug, Parser)]
#[command(name = "pxeguard", version, after_long_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  pxeguard run --iface vmbr0                       only look: which servers are there?
  pxeguard servers                                 ... and with which option would each be trusted?
  pxeguard run --iface vmbr0 --trust-port eno1     only what comes in by the uplink may answer
  pxeguard run --iface vmbr0 --boot-root /srv/boot boot PXE clients from this folder, too
  pxeguard clients                                 ... and who boots, how far, and why not?
  pxeguard explain 52:54:00:12:34:56               ... one client, step by step, with a verdict
  pxeguard doctor --iface vmbr0                    what on this host is in the way?
  pxeguard detach                                  stop guarding altogether

Exit status: 0 done, 1 failed, 2 wrong usage.";

const AFTER_RUN: &str = "\
Examples:
  pxeguard run --iface vmbr0
      Observes: drops nothing, and shows the servers that it sees.
  pxeguard run --iface vmbr0 --trust 52:54:00:12:34:56@eno1
      Only this server, behind the port eno1, may answer; its address elsewhere is a spoof.
  pxeguard run --iface vmbr0 --trust-port eno1,vlan=5 --trust 52:54:00:12:34:56@tap100i0,pxe
      Anybody behind eno1 in VLAN 5; and a guest may answer PXE clients, but give no address.
  pxeguard run --iface vmbr0 --trust-port eno1 --trust-port vm:100
      Anybody behind eno1; and the guest 100 of Proxmox VE, whatever its ports are called.
  pxeguard run --iface vmbr0 --mode enforce
      Nobody but this host itself may answer.
  pxeguard run --iface vmbr0 --trust-port eno1 --boot-root /srv/boot --boot bios=undionly.kpxe
      Beside the DHCP server behind eno1, PXE clients are told to load what fits them in /srv/boot.

The guard goes on when this process ends, crashes or is replaced: pxeguard detach ends it.
On SIGHUP the configuration file is read again.";

const AFTER_EXPLAIN: &str = "\
Examples:
  pxeguard explain 52:54:00:12:34:56
  pxeguard explain 52:54:00:12:34:56 --screen \"PXE-E21: Remote boot cancelled\"
      What fits the message on its screen comes first.
  pxeguard explain --screen PXE-E55
      What the message can mean, whoever shows it.

What was seen is kept across restarts: of the machines heard of last, their last boots.";
const AFTER_DOCTOR: &str = "\
Examples:
  pxeguard doctor --iface vmbr0
      Looks at the bridge, its ports, packet filters, who holds which port, dnsmasq, addresses
      and the boot root.
  pxeguard doctor --iface vmbr0 --json | jq '.[] | select(.result != \"pass\")'
      What is not well, for a script.

It changes nothing, and sends nothing.  It works beside a running pxeguard and without one,
and as root sees all.
Exit status: 0 nothing failed, 1 something failed, 2 wrong usage.";
const AFTER_WATCH: &str = "\
Keys: q quits, Tab goes to the next list, arrows select, Enter on a client says why it boots or
not, / filters, p holds what is shown, ? shows all keys.  No colours with NO_COLOR in the environment.

Example:
  ssh -t root@pve1 pxeguard watch";

const AFTER_CAPTURE: &str = "\
Examples:
  pxeguard capture -w pxe.pcapng
      What comes from now on, until Ctrl-C.
  pxeguard capture --past -w pxe.pcapng
      What the running pxeguard remembers, which is enough for the boot that has just failed.
  pxeguard capture --dropped -w - | tshark -r - -T fields -e frame.time -e frame.comment
      Each reply that is dropped, and why, as it happens.

Servers' replies are there with verdict and reason as the packet's comment (frame.comment), at the
port by which they came in; of a flood only some, and how many more there were.  Clients'
questions are there as far as the daemon reads them, and its answers.";
const AFTER_COMPLETIONS: &str = "\
Examples:
  pxeguard completions bash > /etc/bash_completion.d/pxeguard
  pxeguard completions zsh > /usr/local/share/zsh/site-functions/_pxeguard
  pxeguard completions fish > /etc/fish/completions/pxeguard.fish

Debian's package has them installed already.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Guards interfaces until it is told to stop.
    #[command(after_long_help = AFTER_RUN)]
    Run(RunArgs),
    /// Shows what the running pxeguard does, in total.
    Status(QueryArgs),
    /// Shows the DHCP and PXE servers that were seen, and how they stand.
    Servers(QueryArgs),
    /// Shows the guarded ports.
    Ports(QueryArgs),
    /// Shows the machines that boot: what each asked for, what it was offered, and how far it came.
    Clients(QueryArgs),
    /// Says why a client boots or not: each step, the likeliest cause, and what to do.
    #[command(after_long_help = AFTER_EXPLAIN)]
    Explain(ExplainArgs),
    /// Shows what somebody should look at: untrusted servers, foreign PXE responders, spoofs, floods.
    Alerts(QueryArgs),
    /// Looks for what on this host is in the way of `pxeguard run` with the same options, and says what mends it.
    #[command(after_long_help = AFTER_DOCTOR)]
    Doctor(DoctorArgs),
    /// Shows what the running pxeguard sees, live in the terminal: alerts, servers, clients, ports.
    #[command(after_long_help = AFTER_WATCH)]
    Watch(ControlArgs),
    /// Writes DHCP and PXE frames with their verdicts into a pcapng file, for Wireshark.
    #[command(after_long_help = AFTER_CAPTURE)]
    Capture(CaptureArgs),
    /// Asks the network who answers DHCP and PXE clients, and says what is wrong with it.
    #[command(after_long_help = probe::AFTER_PROBE)]
    Probe(ProbeArgs),
    /// Shows what there is to boot, or says what one client boots, in the running pxeguard.
    #[command(subcommand)]
    Boot(BootCommand),
    /// Shows or changes who is trusted, in the running pxeguard.
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Shows the token that the page and the API want to see before they change who is trusted.
    Token(ControlArgs),
    /// Removes every program, link and map of pxeguard from the kernel.  Nothing is guarded then.
    Detach,
    /// Prints what makes a shell complete pxeguard's commands and options.
    #[command(after_long_help = AFTER_COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Writes the manual pages, one for each command, into a folder.
    #[command(hide = true)]
    Manual(ManualArgs),
}

/// What `pxeguard run` is told.  What is missing comes from the configuration file, or has a default.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArgs {
    /// Interface to guard: of a bridge, every port, also later ones.  Can be given several times.
    #[arg(long, value_name = "IF")]
    pub iface: Vec<InterfaceName>,

    /// Server that may answer.  Can be given several times.
    ///
    /// MAC@PORT: at this port only.  MAC: at the port where it is first seen, which is remembered.  MAC@*: at every
    /// port.  `,vlan=N` narrows it to one VLAN, or with `,vlan=untagged` to what has none.  `,pxe` lets it answer PXE
    /// clients, but give no addresses.  PORT can be vm:N, the ports of the guest with this number, or vm:NAME.
    #[arg(long, value_name = "MAC[@PORT][,vlan=N][,pxe]")]
    pub trust: Vec<Trust>,

    /// Port behind which all servers may answer, such as the uplink.  Can be given several times.
    ///
    /// vm:100 stands for the ports of the guest 100, also later ones; vm:100/net1 for those of one network card; vm:web01
    /// for those of the guest that has this name.
    #[arg(long, value_name = "PORT[,vlan=N][,pxe]", value_parser = Trust::parse_port)]
    pub trust_port: Vec<Trust>,

    /// What happens to the replies of others [default: enforce where somebody is trusted, else observe].
    #[arg(long)]
    pub mode: Option<ModeChoice>,

    /// Where on a port the guard is attached [default: auto].
    #[arg(long)]
    pub hook: Option<HookChoice>,

    /// DHCP clients' messages that may come in by one port in a second, five times as many at once; 0: any number
    /// [default: 2000].
    ///
    /// What exceeds it is a flood, and ends at its port.  The configuration file can say it port by port.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_PER_S)))]
    pub client_messages_per_s: Option<u32>,

    /// Folder of boot files: PXE clients are told to load what fits them [default: /var/lib/pxeguard/boot, if it is there].
    #[arg(long, value_name = "DIR")]
    pub boot_root: Option<PathBuf>,

    /// Boot program of an architecture, by its name below the boot root.  Can be given several times.
    ///
    /// ARCH is bios, efi-ia32, efi-x64, efi-arm32, efi-arm64, efi-riscv32, efi-riscv64 or efi-loongarch64, or a number
    /// of option 93, such as 16 or 0x10.  What is not named is looked for in the boot root.
    #[arg(long, value_name = "ARCH=FILE")]
    pub boot: Vec<ProgramChoice>,

    /// Answers no PXE client, and serves no files.
    #[arg(long, conflicts_with_all = ["boot_root", "boot"])]
    pub no_boot: bool,

    /// Has PXE clients answered by this process, and none in the kernel.
    #[arg(long)]
    pub no_fast_path: bool,

    /// Address of the HTTP server that has the page, the API and /metrics [default: 127.0.0.1:9467].
    ///
    /// Everybody who reaches it may read; to change who is trusted takes the token that pxeguard token shows to root.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,

    /// Configuration file [default: /etc/pxeguard/pxeguard.toml where it exists].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Socket by which the other commands reach this process [default: /run/pxeguard/pxeguard.sock].
    #[arg(long, value_name = "PATH")]
    pub control: Option<PathBuf>,
}

/// What the doctor is asked.
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    /// Answer in JSON: a list of `{check, result, subject, evidence, remedy}`.
    #[arg(long)]
    pub json: bool,
    /// What is to be run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// How to reach the running pxeguard.
#[derive(Args, Clone, Debug)]
pub struct ControlArgs {
    /// Control socket of the running pxeguard.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_CONTROL)]
    pub control: PathBuf,
}

/// `pxeguard explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// The client.
    #[arg(required_unless_present = "screen")]
    pub mac: Option<ClientMac>,
    /// What stands on its screen: a code such as PXE-E53, or the words.
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub screen: Option<String>,
    /// How to ask.
    #[command(flatten)]
    pub query: QueryArgs,
}

/// A question to the running pxeguard.
#[derive(Args, Clone, Debug)]
pub struct QueryArgs {
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// Whom to ask.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// The commands about what is booted.
#[derive(Debug, Subcommand)]
pub enum BootCommand {
    /// Shows the entries that can be booted, and which clients boot one of them without a menu.
    List(QueryArgs),
    /// Lets a client boot an entry without a menu, at once and also after a restart.
    Set(BootSetArgs),
    /// Takes back what `boot set` did.
    Unset(BootUnsetArgs),
}

/// What is captured.
#[derive(Args, Clone, Debug)]
pub struct CaptureArgs {
    /// File to write, as pcapng; - is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub write: PathBuf,
    /// Only replies that are dropped, or would be.
    #[arg(long)]
    pub dropped: bool,
    /// Begins with what is remembered; ends there, unless --count or --duration says when to end.
    #[arg(long)]
    pub past: bool,
    /// Ends after so many frames.
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Ends after so many seconds.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=366 * 86_400))]
    pub duration: Option<u64>,
    /// Whom to ask.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// What a client boots.
#[derive(Args, Clone, Debug)]
pub struct BootSetArgs {
    /// The client, by the MAC address of the card that it boots from.
    #[arg(value_name = "MAC")]
    pub mac: ClientMac,
    /// Name of the entry, as `pxeguard boot list` has it.
    #[arg(value_name = "ENTRY", value_parser = NonEmptyStringValueParser::new())]
    pub entry: String,
    /// For its next boot only.
    #[arg(long)]
    pub once: bool,
    /// Whom to ask.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// A client.
#[derive(Args, Clone, Debug)]
pub struct BootUnsetArgs {
    /// The client.
    #[arg(value_name = "MAC")]
    pub mac: ClientMac,
    /// Whom to ask.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// The commands about trust.
#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    /// Trusts somebody more, at once and also after a restart.
    Add(TrustArgs),
    /// Takes back what `trust add` did.
    Remove(TrustArgs),
    /// Shows who is trusted, and by what.
    List(QueryArgs),
}

/// One trust.
#[derive(Args, Clone, Debug)]
pub struct TrustArgs {
    #[command(flatten)]
    which: Which,
    /// Whom to ask.
    #[command(flatten)]
    pub control: ControlArgs,
}

#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct Which {
    /// Server, as in `pxeguard run --trust`, or *@PORT for all behind a port.
    #[arg(value_name = "MAC[@PORT][,vlan=N][,pxe]")]
    trust: Option<Trust>,
    /// Port behind which all servers may answer.
    #[arg(long, value_name = "PORT[,vlan=N][,pxe]", value_parser = Trust::parse_port)]
    port: Option<Trust>,
}

impl TrustArgs {
    /// The trust, however it was given.
    pub fn trust(&self) -> Trust {
        let given = self.which.trust.as_ref().or(self.which.port.as_ref());
        given.expect("clap asks for one of them").clone()
    }
}

/// Which shell.
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Where the manual goes.
#[derive(Args, Clone, Debug)]
pub struct ManualArgs {
    /// A folder that exists.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

#[cfg(test)]
mod tests;
