//! The kernel's side, as the daemon sees it: programs, links and maps.  Nothing else knows aya.
//!
//! Links and maps are pinned, so that enforcement outlives the daemon: the next one finds them, writes its policy into
//! the same maps and puts its own programs into the same links, each atomically.

mod attach;
mod bpffs;
mod choice;
mod clsact;
mod expedited;
mod link_detach;
mod maps;
mod objection;
mod owner;
mod pins;
mod refusal;
mod responder;
mod test_run;

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::thread;

use aya::programs::{Program, ProgramError, SchedClassifier, Xdp};
use aya::{Ebpf, EbpfLoader};
use aya_log::EbpfLogger;
use pxeguard_common::net::Ifindex;

pub use bpffs::BpffsError;
pub use choice::{Guarded, Port, candidates};
pub use expedited::Expedited;
pub use maps::{Events, Maps};
pub use objection::VlanUse;
pub use owner::of_program;
pub use pins::{Detached, detach};
pub use responder::{AnswerCounters, Answered, Reply, ResponderMaps};
pub use test_run::{Ran, TestRun};

use bpffs::Lock;
use pins::{Pin, Pins};

/// Why the kernel's side could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum DataPlaneError {
    /// The BPF file system.
    #[error(transparent)]
    Bpffs(#[from] BpffsError),
    /// The kernel refused the maps or programs as a whole.
    #[error("cannot load the kernel programs; pxeguard needs Linux 5.15 or later with CONFIG_BPF_SYSCALL")]
    Load(#[source] Box<aya::EbpfError>),
    /// The kernel refused one program.
    #[error("cannot load the kernel program {name}")]
    Program {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: Box<ProgramError>,
    },
    /// A map.
    #[error("cannot {what} the map {map}")]
    Map {
        /// What was attempted.
        what: &'static str,
        /// Which.
        map: &'static str,
        /// Why.
        #[source]
        source: aya::maps::MapError,
    },
    /// A port.
    #[error("cannot guard the port {port} by {hook}")]
    Attach {
        /// The port's name.
        port: String,
        /// The hook's name.
        hook: &'static str,
        /// Why.
        #[source]
        source: Box<ProgramError>,
    },
    /// A pin.
    #[error("cannot {what} {path}")]
    Pin {
        /// What was attempted.
        what: &'static str,
        /// The pin.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The program at the ingress of ports that have XDP.
const XDP: &str = "pxeguard_xdp";
/// The program at the ingress of all other ports.
const INGRESS: &str = "pxeguard_ingress";
/// The program that answers PXE clients.
const RESPOND: &str = "pxeguard_respond";
/// The program at the egress of bridge ports.
const EGRESS: &str = "pxeguard_egress";

/// The programs in the kernel, the maps they share with the daemon, and the links that hold them to the ports.
pub struct DataPlane {
    programs: Ebpf,
    /// XDP was refused (Linux before 5.18 has no frags): tc guards all ports.
    xdp_refused: Option<String>,
    /// The maps.
    pub maps: Maps,
    /// Whether PXE clients are answered in the kernel.
    pub responds: bool,
    /// Those of the responder, for whoever prepares its replies.
    pub responder: Option<ResponderMaps>,
    pins: Pins,
    /// What holds our programs.
    attached: HashSet<Pin>,
    _lock: Lock,
}

impl DataPlane {
    /// Mounts the BPF file system at `bpffs` where it is not, takes it for this process alone, opens or makes the maps,
    /// and loads the programs.  Nothing is attached or replaced yet.
    pub fn open(bpffs: &Path) -> Result<Self, DataPlaneError> {
        bpffs::mount(bpffs)?;
        let pins = Pins::open(bpffs)?;
        let lock = Lock::take(pins.root())?;
        let mut programs = EbpfLoader::new()
            .default_map_pin_directory(pins.maps())
            .load(aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/pxeguard")))
            .map_err(|source| DataPlaneError::Load(Box::new(source)))?;
        let xdp_refused = load(&mut programs)?;
        let maps = Maps::take(&mut programs)?;
        let responder = Some(ResponderMaps::take(&mut programs)?);
        Ok(Self {
            programs,
            xdp_refused,
            maps,
            responds: false,
            responder,
            pins,
            attached: HashSet::new(),
            _lock: lock,
        })
    }

    /// What the kernel programs log, to be read by the daemon.
    pub fn kernel_log(&mut self) -> Option<EbpfLogger<&'static dyn log::Log>> {
        EbpfLogger::init(&mut self.programs).ok()
    }

    /// Puts this daemon's programs where an earlier daemon's are.  Returns the ports that are guarded then.
    pub fn adopt(&mut self) -> Result<Vec<Ifindex>, DataPlaneError> {
        attach::adopt(self)
    }

    /// Guards a port at ingress, or changes how it is guarded; there is no moment without a program in between.
    pub fn guard(&mut self, port: &Port<'_>) -> Result<Guarded, DataPlaneError> {
        attach::guard(self, port)
    }

    /// Guards a bridge's port at egress, too: against what comes in by ports that nobody guards yet.
    pub fn guard_egress(&mut self, port: &Port<'_>) -> Result<(), DataPlaneError> {
        attach::guard_egress(self, port)
    }

    /// Lets go of a port.
    pub fn release(&mut self, port: Ifindex) -> Result<(), DataPlaneError> {
        attach::release(self, port)
    }
}

/// Loads the programs, all at once: most of the time that a start takes is the verifier's.
///
/// Returns why XDP was refused, if it was.
fn load(programs: &mut Ebpf) -> Result<Option<String>, DataPlaneError> {
    let loaded: Vec<_> = thread::scope(|scope| {
        let loads = programs.programs_mut().map(|(name, program)| {
            let load = scope.spawn(|| match program {
                Program::Xdp(program) => program.load(),
                Program::SchedClassifier(program) => program.load(),
                _ => unreachable!("the object has no others: it is built with this crate"),
            });
            (name.to_owned(), load)
        });
        let loads: Vec<_> = loads.collect();
        loads.into_iter().map(|(name, load)| (name, load.join().expect("loading does not panic"))).collect()
    });
    let mut xdp_refused = None;
    for (name, result) in loaded {
        match (name.as_str(), result) {
            (_, Ok(())) => {}
            (XDP, Err(ProgramError::LoadError { io_error, .. })) => xdp_refused = Some(io_error.to_string()),
            (XDP, Err(error)) => xdp_refused = Some(error.to_string()),
            (_, Err(source)) => return Err(DataPlaneError::Program { name, source: Box::new(source) }),
        }
    }
    Ok(xdp_refused)
}

/// The XDP program.
fn xdp(programs: &mut Ebpf) -> &mut Xdp {
    let program = programs.program_mut(XDP).expect("the object has it: it is built with this crate");
    program.try_into().expect("its section says xdp")
}

/// One of the tc programs.
fn classifier<'a>(programs: &'a mut Ebpf, name: &str) -> &'a mut SchedClassifier {
    let program = programs.program_mut(name).expect("the object has it: it is built with this crate");
    program.try_into().expect("its section says classifier")
}
