//! The decision on a reply, and its reason: each is one counter.

use crate::net::Ifindex;
use crate::reply::{Form, ServerReply};
use crate::server::Share;
use crate::trust::{Class, Mode, Policy, Shapes, Standing};

/// What is done with a server's reply.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u32)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It ends here.
    Drop,
    /// It goes on because the guard only observes; else it would end here.
    WouldDrop,
}

impl Verdict {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Pass, Self::Drop, Self::WouldDrop];

    /// The name in labels and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Drop => "dropped",
            Self::WouldDrop => "would_drop",
        }
    }
}

/// Why.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u32)]
pub enum Reason {
    /// By a trusted server.
    Trusted,
    /// By a server that is trusted to answer PXE clients, and gives no address.
    TrustedForPxe,
    /// By a server that is trusted only to answer PXE clients, and gives an address.
    GivesAddress,
    /// By a server that nobody trusts.
    Untrusted,
    /// With a trusted MAC address, at a place that is not its own.
    Spoof,
    /// A first fragment.
    Fragment,
    /// A later fragment that busybox would take for a whole message.
    LaterFragment,
    /// A header is cut off.
    Truncated,
    /// Too many tags.
    TooManyTags,
    /// In LLC or SNAP.
    Llc,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Trusted,
        Self::TrustedForPxe,
        Self::GivesAddress,
        Self::Untrusted,
        Self::Spoof,
        Self::Fragment,
        Self::LaterFragment,
        Self::Truncated,
        Self::TooManyTags,
        Self::Llc,
    ];

    /// Whether the reply may go on.
    #[inline(always)]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Trusted | Self::TrustedForPxe)
    }

    /// The name in labels and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::TrustedForPxe => "trusted_for_pxe",
            Self::GivesAddress => "gives_address",
            Self::Untrusted => "untrusted",
            Self::Spoof => "spoof",
            Self::Fragment => "fragment",
            Self::LaterFragment => "later_fragment",
            Self::Truncated => "truncated",
            Self::TooManyTags => "too_many_tags",
            Self::Llc => "llc",
        }
    }

    /// The same in words, after "because".
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Trusted => "the server is trusted",
            Self::TrustedForPxe => "the server is trusted to answer PXE clients",
            Self::GivesAddress => "the server is trusted only to answer PXE clients, but gives an address",
            Self::Untrusted => "the server is not trusted",
            Self::Spoof => "this MAC address is trusted at another port: a spoof",
            Self::Fragment => "it is the first fragment of a datagram to a DHCP port",
            Self::LaterFragment => "it is a later fragment that holds a whole DHCP message",
            Self::Truncated => "a header is cut off, and it may be a DHCP reply",
            Self::TooManyTags => "it has more VLAN tags than the guard reads through",
            Self::Llc => "it is a DHCP reply hidden in LLC or SNAP",
        }
    }

    const fn of_form(form: Form) -> Self {
        match form {
            Form::Plain => Self::Untrusted,
            Form::Fragment => Self::Fragment,
            Form::LaterFragment => Self::LaterFragment,
            Form::Truncated => Self::Truncated,
            Form::TooDeep => Self::TooManyTags,
            Form::Llc => Self::Llc,
        }
    }

    #[inline(always)]
    fn of(standing: Standing, reply: &ServerReply) -> Self {
        match (standing, reply.form) {
            (Standing::Trusted(Class::Dhcp), _) => Self::Trusted,
            (Standing::Trusted(Class::Pxe), Form::Plain) if reply.gives_address() => Self::GivesAddress,
            (Standing::Trusted(Class::Pxe), Form::Plain) => Self::TrustedForPxe,
            (Standing::Spoof, _) => Self::Spoof,
            (_, form) => Self::of_form(form),
        }
    }
}

/// A verdict with its reason; what the `TOTALS` map counts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Judgement {
    /// What is done.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
}

impl Judgement {
    /// How many there can be.
    pub const COUNT: usize = Verdict::ALL.len() * Reason::ALL.len();

    /// Judges a reply that came in by `port`.
    pub fn of(policy: &impl Policy, port: Ifindex, reply: &ServerReply) -> Self {
        let mut judged = Judged::NOT_YET;
        let _drops = judged.judge(policy, port, reply);
        Self::at(judged.index()).expect("it was made of a verdict and a reason")
    }

    /// Its place in the `TOTALS` map.
    pub const fn index(self) -> u32 {
        Self::index_of(self.verdict as u32, self.reason as u32)
    }

    #[inline(always)]
    const fn index_of(verdict: u32, reason: u32) -> u32 {
        verdict * Reason::ALL.len() as u32 + reason
    }

    /// The one at a place in the `TOTALS` map.
    pub fn at(index: u32) -> Option<Self> {
        let (verdict, reason) = (index as usize / Reason::ALL.len(), index as usize % Reason::ALL.len());
        Some(Self { verdict: *Verdict::ALL.get(verdict)?, reason: Reason::ALL[reason] })
    }

    /// All of them, in the order of their places.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u32).filter_map(Self::at)
    }
}

/// Whom a reply comes from.  A function of its own, which is called only where there is anything to look up.
#[inline(never)]
fn standing(policy: &impl Policy, shapes: Shapes, port: Ifindex, reply: &ServerReply) -> Standing {
    Standing::of(policy, shapes, port, reply.sender.mac, reply.sender.vlan)
}

/// A judgement by its numbers, as the kernel programs hand it on: where the verifier does not keep track of them, for
/// the reason told at [`ServerReply`].
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Judged {
    _first: u8,
    verdict: u8,
    reason: u8,
}

impl Judged {
    /// What stands there before.
    pub const NOT_YET: Self = Self { _first: 0, verdict: 0, reason: 0 };

    /// Judges a reply that came in by `port`.  Returns whether it ends here.
    #[inline(always)]
    pub fn judge(&mut self, policy: &impl Policy, port: Ifindex, reply: &ServerReply) -> bool {
        let config = policy.config();
        let standing = match config.shapes() {
            Shapes::NONE => Standing::Untrusted,
            shapes => standing(policy, shapes, port, reply),
        };
        let reason = Reason::of(standing, reply);
        let verdict = match config.mode() {
            _ if reason.passes() => Verdict::Pass,
            Mode::Enforce => Verdict::Drop,
            Mode::Observe => Verdict::WouldDrop,
        };
        self.verdict = verdict as u8;
        self.reason = reason as u8;
        self.drops()
    }

    /// Whether the reply ends here.
    #[inline(always)]
    pub const fn drops(&self) -> bool {
        self.verdict == Verdict::Drop as u8
    }

    /// Whether the reply goes on because its server is trusted.
    #[inline(always)]
    pub const fn passes(&self) -> bool {
        self.verdict == Verdict::Pass as u8
    }

    /// [`Judgement::index`].
    #[inline(always)]
    pub const fn index(&self) -> u32 {
        Judgement::index_of(self.verdict as u32, self.reason as u32)
    }

    /// [`Verdict`] as a number.
    #[inline(always)]
    pub const fn verdict(&self) -> usize {
        self.verdict as usize
    }

    /// [`Reason`] as a number.
    #[inline(always)]
    pub const fn reason(&self) -> u32 {
        self.reason as u32
    }

    /// The share of its port's rows that the sender's row comes from.
    #[inline(always)]
    pub const fn share(&self) -> Share {
        if self.passes() { Share::Trusted } else { Share::Untrusted }
    }
}
