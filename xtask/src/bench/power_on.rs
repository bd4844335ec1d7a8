//! From power-on until the boot program is loaded, with real firmware.

use std::fs;

use anyhow::{Context as _, Result};
use pxeguard_lab::firmware::{Firmware, First};
use pxeguard_lab::{Machine, Pool, Server as DhcpServer, provided};

use super::Effort;
use super::figure::{Figure, Goal, Peer, Unit};
use super::samples::{Samples, in_turns};
use super::site::{Server, Site};

/// By how many seconds OVMF is sooner without a round to port 4011.
const DIRECT_GAIN: Goal = Goal::ItselfAtLeast(1.0);

/// Boot programs by the names that they have below the boot root, and where Debian's packages have them.
const FILES: [(&str, &str); 4] = [
    ("boot.efi", "/boot/memtest86+x64.efi"),
    ("pxelinux.0", "/usr/lib/PXELINUX/pxelinux.0"),
    ("ldlinux.c32", "/usr/lib/syslinux/modules/bios/ldlinux.c32"),
    ("memtest", "/boot/memtest86+x64.bin"),
];

/// OVMF and iPXE, beside a DHCP server that knows nothing of it.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let rounds = effort.choose(3, 1);
    let [direct, binl, dnsmasq] = in_turns(rounds, |contender| {
        let server = [Server::Pxeguard, Server::PxeguardBinl, Server::Dnsmasq][contender];
        loaded_after(server, Firmware::Ovmf(First::Pxe), "NBP file downloaded successfully")
    })?;
    let [ours, theirs] = in_turns(rounds, |contender| {
        // pxeguard gives an iPXE its menu, a script; dnsmasq gives it the loader.
        let (server, loaded) =
            [(Server::Pxeguard, "boot.ipxe... ok"), (Server::Dnsmasq, "pxelinux.0... ok")][contender];
        loaded_after(server, Firmware::SeaBios, loaded)
    })?;
    let gain = binl.values().iter().zip(direct.values()).map(|(binl, direct)| binl - direct).collect();
    let figure = |name: &str, pxeguard: &Samples, peer: &Samples, goal| Figure {
        name: format!("power_on: {name}"),
        unit: Unit::S,
        pxeguard: pxeguard.clone(),
        peer: Some(Peer { name: Server::Dnsmasq.name(), samples: peer.clone() }),
        goal,
    };
    let not_later = Some(Goal::AtMost(1.0));
    Ok(vec![
        figure("OVMF, direct", &direct, &dnsmasq, not_later),
        figure("OVMF, binl", &binl, &dnsmasq, None),
        Figure { peer: None, ..figure("OVMF, direct sooner than binl by", &gain, &gain, Some(DIRECT_GAIN)) },
        figure("iPXE", &ours, &theirs, not_later),
    ])
}

/// Seconds from power-on until the firmware says that it has its boot program.
fn loaded_after(server: Server, firmware: Firmware, says: &str) -> Result<f64> {
    let files = FILES.iter().map(|(name, path)| {
        let file = provided(path).with_context(|| format!("no {path}: cargo xtask setup"))?;
        Ok((*name, fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?))
    });
    let files = files.collect::<Result<Vec<_>>>()?;
    let files: Vec<_> = files.iter().map(|(name, contents)| (*name, &contents[..])).collect();
    let site = Site::new(server, &files)?;
    let dhcp = site.lab.attach("dhcp")?;
    let _dhcp = DhcpServer::Dnsmasq.start(&dhcp, &Pool::TRUSTED)?;
    let mut machine = Machine::power_on(&site.lab, "tap100i0", firmware)?;
    let loaded = machine.until_console(says).with_context(|| format!("{server:?}:\n{}", site.server().output()))?;
    Ok(loaded.as_secs_f64())
}
