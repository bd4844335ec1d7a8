//! Boot servers that are compared, each in a lab of its own, so that all of them run and none disturbs another.

use std::env;
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pxeguard_lab::{BRIDGE, Guest, Host, Lab, Process, guard, provided, until};

use super::cpu_time::CpuTime;

/// The server's address on its bridge.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// Where HTTP is served: pxeguard's own port, and given to the peer as well.
pub const HTTP_PORT: u16 = 8067;
/// The boot root.
const ROOT: &str = "/run/lab/boot";
const NGINX_FILE: &str = "/run/lab/nginx.conf";
const PATIENCE: Duration = Duration::from_secs(20);

/// A server of boot files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Pxeguard,
    /// pxeguard that sends UEFI to port 4011.
    PxeguardBinl,
    /// pxeguard that answers no PXE client in the kernel.
    PxeguardInUserSpace,
    /// pxeguard that guards only.
    PxeguardWithoutBoot,
    Dnsmasq,
    Atftpd,
    TftpdHpa,
    Nginx,
    /// A loop of system calls and nothing else: what any server needs at the least ([`super::bare`]).
    Bare,
}

/// One server on a hypervisor, and a guest that asks it.
pub struct Site {
    pub lab: Lab,
    /// Who asks.
    pub client: Guest,
    /// Which server it is.
    pub kind: Server,
    server: Process,
}

impl Site {
    /// Starts a server of these files; returns once it listens.
    pub fn new(server: Server, files: &[(&str, &[u8])]) -> Result<Self> {
        let lab = Lab::new()?;
        let hypervisor = lab.hypervisor();
        hypervisor.ip(&format!("address add {SERVER}/16 broadcast + dev {BRIDGE}\n"))?;
        for (name, contents) in files {
            hypervisor.write(Path::new(ROOT).join(name), contents)?;
        }
        let client = lab.attach("client")?;
        client.add_address("10.77.0.3/16")?;
        let process = hypervisor.spawn(server.command(hypervisor)?)?;
        let listens = until(PATIENCE, "it listens", || !process.is_running() || server.listens(hypervisor));
        listens.with_context(|| format!("{server:?}:\n{}", process.output()))?;
        Ok(Self { lab, client, kind: server, server: process })
    }

    /// The server's CPU time so far.
    pub fn spent(&self) -> Result<Duration> {
        let spent = CpuTime::of(&self.server).and_then(|clocks| clocks.read());
        spent.with_context(|| format!("the server has ended:\n{}", self.server.output()))
    }

    /// The server.
    pub fn server(&self) -> &Process {
        &self.server
    }
}

impl Server {
    /// As a peer in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pxeguard | Self::PxeguardBinl | Self::PxeguardInUserSpace | Self::PxeguardWithoutBoot => "pxeguard",
            Self::Dnsmasq => "dnsmasq",
            Self::Atftpd => "atftpd",
            Self::TftpdHpa => "tftpd-hpa",
            Self::Nginx => "nginx",
            Self::Bare => "bare loop",
        }
    }

    /// Whether its CPU time can be told: a process for each transfer takes what it has used along with it.
    pub const fn tells_cpu_time(self) -> bool {
        !matches!(self, Self::TftpdHpa)
    }

    /// Its command line: files from the boot root, and PXE clients answered where it can do so.
    fn command(self, hypervisor: &Host) -> Result<Vec<OsString>> {
        let words: Vec<OsString> = match self {
            Self::PxeguardWithoutBoot => {
                let words = format!("run --iface {BRIDGE} --no-boot --client-messages-per-s 0");
                std::iter::once(guard::program()?.into()).chain(split(&words)).collect()
            }
            Self::Pxeguard | Self::PxeguardBinl | Self::PxeguardInUserSpace => {
                let strategy = if self == Self::PxeguardBinl { "binl" } else { "direct" };
                hypervisor
                    .write("/etc/pxeguard/pxeguard.toml", format!("[boot.strategy]\nefi-x64 = \"{strategy}\"\n"))?;
                let more = if self == Self::PxeguardInUserSpace { " --no-fast-path" } else { "" };
                // Here the load is one guest's.
                let words = format!("run --iface {BRIDGE} --boot-root {ROOT} --client-messages-per-s 0{more}");
                std::iter::once(guard::program()?.into()).chain(split(&words)).collect()
            }
            Self::Dnsmasq => split(&format!(
                "dnsmasq --keep-in-foreground --log-facility=- --quiet-dhcp --quiet-tftp --conf-file=/dev/null \
                 --user=root --pid-file=/run/lab/dnsmasq.pid --dhcp-leasefile=/run/lab/dnsmasq.leases --port=0 \
                 --interface={BRIDGE} --bind-interfaces --dhcp-range={SERVER},proxy,255.255.0.0 \
                 --pxe-service=x86-64_EFI,boot,boot.efi --pxe-service=x86PC,boot,pxelinux.0 \
                 --enable-tftp --tftp-root={ROOT} --tftp-max=4096"
            ))
            .collect(),
            Self::Atftpd => {
                let words = "--daemon --no-fork --logfile /dev/null --maxthread 4096";
                unpacked("/usr/sbin/atftpd")?.into_iter().chain(split(words)).chain([ROOT.into()]).collect()
            }
            Self::TftpdHpa => {
                let words = format!("--foreground --address {SERVER} --user root --secure {ROOT}");
                unpacked("/usr/sbin/in.tftpd")?.into_iter().chain(split(&words)).collect()
            }
            Self::Bare => {
                let us = env::current_exe().context("cannot find this program")?;
                std::iter::once(us.into()).chain(split(&format!("bare {SERVER} {HTTP_PORT} {ROOT}"))).collect()
            }
            Self::Nginx => {
                hypervisor.write(NGINX_FILE, nginx_settings())?;
                unpacked("/usr/sbin/nginx")?
                    .into_iter()
                    .chain(split("-p /run/lab -c"))
                    .chain([NGINX_FILE.into()])
                    .collect()
            }
        };
        Ok(words)
    }

    /// Whether it does already.
    fn listens(self, hypervisor: &Host) -> bool {
        let tftp = || hypervisor.wait_udp(69).is_ok();
        let http = || hypervisor.enter(|| TcpStream::connect((SERVER, HTTP_PORT))).is_ok_and(|stream| stream.is_ok());
        match self {
            Self::Pxeguard | Self::PxeguardBinl | Self::PxeguardInUserSpace | Self::Bare => tftp() && http(),
            Self::PxeguardWithoutBoot => guard::run(hypervisor, ["ports"]).is_ok(),
            Self::Dnsmasq | Self::Atftpd | Self::TftpdHpa => tftp(),
            Self::Nginx => http(),
        }
    }
}

fn split(words: &str) -> impl Iterator<Item = OsString> {
    words.split(' ').map(OsString::from)
}

/// How a program is started, with its libraries where it is unpacked and not installed.
pub fn unpacked(path: &str) -> Result<Vec<OsString>> {
    let program = provided(path).with_context(|| format!("no {path}: cargo xtask setup"))?;
    let root = program.to_str().and_then(|program| program.strip_suffix(path)).context("a path is UTF-8")?;
    let libraries = format!("LD_LIBRARY_PATH={root}/usr/lib/{0}-linux-gnu:{root}/lib/{0}-linux-gnu", env::consts::ARCH);
    Ok(vec!["env".into(), libraries.into(), program.into()])
}

/// As Debian's, but for the log of accesses, which it goes without here.
fn nginx_settings() -> String {
    let temporary = ["client_body", "fastcgi", "proxy", "scgi", "uwsgi"];
    let temporary = temporary.map(|what| format!("{what}_temp_path /run/lab/nginx-{what};")).join("\n    ");
    format!(
        "daemon off;
user root;
worker_processes auto;
error_log stderr;
pid /run/lab/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    {temporary}
    server {{ listen {HTTP_PORT}; root {ROOT}; }}
}}
"
    )
}
