//! The maps of the kernel's responder, typed.

use std::collections::{BTreeMap, HashSet};

use aya::Ebpf;
use aya::maps::{Array, HashMap, MapData, PerCpuArray, ProgramArray, RingBuf};
use aya::programs::ProgramFd;
use pxeguard_common::net::Ifindex;
use pxeguard_common::request::Kind;
use pxeguard_common::responder::{Answers, Prepared, ReplyKey, Responder, Special, Variant};

use super::maps::{ANY, error, keys, remove, take};
use super::{DataPlaneError, RESPOND, classifier};

/// What the kernel has answered, one by one.
pub type Answered = RingBuf<MapData>;

/// A reply, and what it is to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The guarded interface.
    pub iface: Ifindex,
    /// The VLAN, 0 for none.
    pub vlan: u16,
    /// To whom: [`Variant::number`].
    pub variant: u16,
    /// Requests of this kind.
    pub kind: Kind,
    /// The frame.
    pub prepared: Prepared,
}

/// What user space and the kernel's responder share.
pub struct ResponderMaps {
    respond: ProgramArray<MapData>,
    responder: Array<MapData, Responder>,
    served: HashMap<MapData, u32, u32>,
    replies: HashMap<MapData, ReplyKey, Prepared>,
    special: HashMap<MapData, Special, Variant>,
    counters: Option<AnswerCounters>,
    answered: Option<Answered>,
    program: ProgramFd,
}

impl ResponderMaps {
    /// Takes them out of the loaded object.
    pub(super) fn take(programs: &mut Ebpf) -> Result<Self, DataPlaneError> {
        let program = classifier(programs, RESPOND).fd().and_then(|fd| fd.try_clone().map_err(Into::into));
        let program =
            program.map_err(|source| DataPlaneError::Program { name: RESPOND.to_owned(), source: Box::new(source) })?;
        Ok(Self {
            respond: take(programs, "RESPOND")?,
            responder: take(programs, "RESPONDER")?,
            served: take(programs, "SERVED")?,
            replies: take(programs, "REPLIES")?,
            special: take(programs, "SPECIAL")?,
            counters: Some(AnswerCounters(take(programs, "ANSWERS")?)),
            answered: Some(take(programs, "ANSWERED")?),
            program,
        })
    }

    /// The ring of answers, for its one reader.
    pub fn take_answered(&mut self) -> Option<Answered> {
        self.answered.take()
    }

    /// What is counted, for its one reader.
    pub fn take_counters(&mut self) -> Option<AnswerCounters> {
        self.counters.take()
    }

    /// The kernel answers nobody.
    pub fn switch_off(&mut self) -> Result<(), DataPlaneError> {
        self.set_generation(0)
    }

    /// Says by which interface user space hears what comes in by each port.
    pub fn set_served(&mut self, wanted: &BTreeMap<Ifindex, Ifindex>) -> Result<(), DataPlaneError> {
        for port in keys(&self.served, "SERVED")? {
            if !wanted.contains_key(&Ifindex(port)) {
                remove(&mut self.served, &port, "SERVED")?;
            }
        }
        for (port, iface) in wanted {
            self.served.insert(port.0, iface.0, ANY).map_err(error("write", "SERVED"))?;
        }
        Ok(())
    }

    /// Puts these replies in force, all at once, in the place of all others; this daemon's program gives them.  Returns
    /// their generation.
    pub fn set_replies(&mut self, replies: &[Reply]) -> Result<u32, DataPlaneError> {
        let before = self.responder.get(&0, 0).map_err(error("read", "RESPONDER"))?.generation;
        // Also what a daemon has left that ended in the middle of this.
        let used = keys(&self.replies, "REPLIES")?.into_iter().map(|key| key.generation).max().unwrap_or(0);
        let generation = before.max(used).checked_add(1).unwrap_or(1);
        for Reply { iface, vlan, variant, kind, prepared } in replies {
            let key = ReplyKey { generation, iface: iface.0, kind: *kind, vlan: *vlan, variant: *variant };
            self.replies.insert(key, prepared, ANY).map_err(error("write", "REPLIES"))?;
        }
        self.respond.set(0, &self.program, 0).map_err(error("write", "RESPOND"))?;
        self.set_generation(generation)?;
        for key in keys(&self.replies, "REPLIES")? {
            if key.generation != generation {
                remove(&mut self.replies, &key, "REPLIES")?;
            }
        }
        Ok(generation)
    }

    fn set_generation(&mut self, generation: u32) -> Result<(), DataPlaneError> {
        self.responder.set(0, Responder { generation }, ANY).map_err(error("write", "RESPONDER"))
    }

    /// Answers a client by other replies than all, or not at all.
    pub fn set_special(&mut self, client: Special, variant: Variant) -> Result<(), DataPlaneError> {
        self.special.insert(client, variant, ANY).map_err(error("write", "SPECIAL"))
    }

    /// Answers a client as all others.
    pub fn unset_special(&mut self, client: Special) -> Result<(), DataPlaneError> {
        remove(&mut self.special, &client, "SPECIAL")
    }

    /// The clients that are not answered as all others are.
    pub fn special(&self) -> Result<HashSet<Special>, DataPlaneError> {
        Ok(keys(&self.special, "SPECIAL")?.into_iter().collect())
    }
}

/// What the kernel counts of its answers.
pub struct AnswerCounters(PerCpuArray<MapData, Answers>);

impl AnswerCounters {
    /// What it has counted until now, on all CPUs.
    pub fn read(&self) -> Result<Answers, DataPlaneError> {
        let of_cpus = self.0.get(&0, 0).map_err(error("read", "ANSWERS"))?;
        Ok(of_cpus.iter().fold(Answers::default(), |sum, cpu| Answers {
            offers: sum.offers + cpu.offers,
            boot_server: sum.boot_server + cpu.boot_server,
            failed: sum.failed + cpu.failed,
            untold: sum.untold + cpu.untold,
            ..sum
        }))
    }
}
