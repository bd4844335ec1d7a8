//! Disguises by the BOOTP message and its options, and the other kinds of replies.

use std::net::Ipv4Addr;

use macaddr::MacAddr6;

use super::super::bootp::{Overload, code, kind};
use super::super::message::Message;
use super::Mutation;

type Change = fn(&mut Message);

pub(super) fn of(reply: &Message) -> Vec<Mutation> {
    let mut all = kinds(reply);
    all.extend(fields(reply));
    all.extend(options(reply));
    all
}

fn kinds(reply: &Message) -> Vec<Mutation> {
    let mut all = Vec::new();
    let other = |message: Message| {
        let (xid, chaddr) = (reply.bootp.xid, reply.bootp.chaddr);
        message.with(|message| (message.bootp.xid, message.bootp.chaddr) = (xid, chaddr)).frame()
    };
    all.push(Mutation::new("ack", other(Message::ack())));
    all.push(Mutation::new("nak", other(Message::nak())));
    all.push(Mutation::new("proxy-offer", other(Message::proxy_offer())));
    // A client's types and unknown ones, in a server's message.
    for kind in [0, kind::DISCOVER, kind::REQUEST, kind::FORCE_RENEW, 99] {
        all.push(Mutation::of(format!("type-{kind}"), reply, |reply| {
            reply.bootp.set(code::MESSAGE_TYPE, [kind]);
        }));
    }
    all.push(Mutation::of("type-missing", reply, |reply| {
        reply.bootp.unset(code::MESSAGE_TYPE);
    }));
    all.push(Mutation::of("type-empty", reply, |reply| {
        reply.bootp.set(code::MESSAGE_TYPE, []);
    }));
    all.push(Mutation::of("type-twice", reply, |reply| {
        reply.bootp.options.insert(0, (code::MESSAGE_TYPE, vec![kind::DISCOVER]));
    }));
    for (name, place) in [("file", Overload::File), ("sname", Overload::Sname), ("both", Overload::Both)] {
        all.push(Mutation::of(format!("overload-{name}"), reply, |reply| {
            reply.bootp.overload(place);
        }));
    }
    all
}

fn fields(reply: &Message) -> Vec<Mutation> {
    const WRONG: MacAddr6 = MacAddr6::new(2, 0xbb, 0, 0, 0, 1);
    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 9);
    let changes: [(&str, Change); 12] = [
        ("giaddr", |reply| reply.bootp.giaddr = RELAY),
        ("ciaddr", |reply| reply.bootp.ciaddr = reply.bootp.yiaddr),
        ("yiaddr-zero", |reply| {
            reply.bootp.yiaddr = Ipv4Addr::UNSPECIFIED;
        }),
        ("hops-9", |reply| reply.bootp.hops = 9),
        ("secs-65535", |reply| reply.bootp.secs = 65535),
        ("flags-zero", |reply| reply.bootp.flags = 0),
        ("flags-all", |reply| reply.bootp.flags = 0xffff),
        ("htype-6", |reply| reply.bootp.htype = 6),
        ("hlen-0", |reply| reply.bootp.hlen = 0),
        ("hlen-255", |reply| reply.bootp.hlen = 255),
        ("chaddr-wrong", |reply| reply.bootp.chaddr = WRONG),
        ("cookie-missing", |reply| reply.bootp.cookie = [0; 4]),
    ];
    changes.map(|(name, change)| Mutation::of(name, reply, change)).into()
}

fn options(reply: &Message) -> Vec<Mutation> {
    let changes: [(&str, Change); 7] = [
        ("options-without-end", |reply| reply.bootp.end = false),
        ("options-none", |reply| reply.bootp.options.clear()),
        ("options-without-server-id", |reply| {
            reply.bootp.unset(code::SERVER_ID);
        }),
        ("options-after-31-pads", |reply| reply.bootp.pads = 31),
        ("options-after-200-pads", |reply| reply.bootp.pads = 200),
        ("options-after-60-others", |reply| {
            let others = (0..60).map(|number| (128 + number, vec![0; 4]));
            reply.bootp.options.splice(0..0, others);
        }),
        ("options-after-a-long-one", |reply| {
            reply.bootp.options.insert(0, (code::VENDOR_SPECIFIC, vec![0xa5; 255]));
        }),
    ];
    let mut all: Vec<_> = changes.map(|(name, change)| Mutation::of(name, reply, change)).into();
    // An option that says that it is longer than the message.
    let mut overrun = reply.clone();
    overrun.bootp.end = false;
    overrun.bootp.options.push((code::BOOT_FILE, vec![b'a'; 10]));
    let mut bytes = overrun.bootp.bytes();
    let length_at = bytes.len() - 11;
    bytes[length_at] = 200;
    let datagram = overrun.udp.datagram(&overrun.ip, &bytes);
    all.push(Mutation::packets("option-overrun", reply, vec![overrun.ip.packet(&datagram)]));
    // Beyond the packet's end, as padding of the frame is.
    let mut trailing = reply.frame();
    trailing.extend([0xa5; 100]);
    all.push(Mutation::new("trailing-100-bytes", trailing));
    // Behind the options, within the datagram.
    let mut padded = reply.bootp.bytes();
    padded.resize(padded.len() + 100, code::PAD);
    let datagram = reply.udp.datagram(&reply.ip, &padded);
    all.push(Mutation::packets("options-then-100-pads", reply, vec![reply.ip.packet(&datagram)]));
    all
}
