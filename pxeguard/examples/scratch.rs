use pxeguard::dataplane::*;
use pxeguard_common::trust::*;
use pxeguard_common::net::Ifindex;
fn main() {
    let t = std::time::Instant::now();
    let mut p = match DataPlane::open(std::path::Path::new("/sys/fs/bpf")) { Ok(p)=>p, Err(e)=>{ println!("{:#}", anyhow::Error::from(e)); return } };
    println!("open {:?}", t.elapsed()); for i in aya::programs::loaded_programs().flatten() { if i.name_as_str().unwrap_or("").starts_with("pxeguard") { println!("{:?} verified {:?}", i.name_as_str(), i.verified_instruction_count()); } }
    p.maps.set_policy(Mode::Enforce, &[(Place::new(None, Some([2,0,0,0,0,1]), None), Grant::DHCP.where_first_seen())]).unwrap();
    p.guard(&Port{index: Ifindex(1), name:"lo", kind:"lo", physical:false, bridge_port:true, choice: pxeguard::hook::HookChoice::Auto, xdp_program:None}).map(|g| println!("{g:?}")).unwrap();
    let mut f = vec![0u8; 342];
    f[0..6].fill(0xff); f[6..12].copy_from_slice(&[2,0,0,0,0,9]); f[12]=8; f[14]=0x45; f[17]=0x48; f[16]=1; f[23]=17; f[37]=68; f[35]=67; f[42]=2; f[58]=10;f[61]=5;
    f[42+236..42+240].copy_from_slice(&[0x63,0x82,0x53,0x63]); f[282..291].copy_from_slice(&[53,1,2,54,4,10,0,0,1]); f[291]=255;
    let mut tcp = vec![0u8;1514]; tcp[12]=8; tcp[14]=0x45; tcp[23]=6;
    let mut udp = vec![0u8;1514]; udp[12]=8; udp[14]=0x45; udp[23]=17; udp[37]=53;
    for w in [TestRun::Xdp, TestRun::Ingress, TestRun::Egress] {
        for (n,fr) in [("offer",&f),("tcp",&tcp),("udp",&udp)] {
        let mut best = std::time::Duration::MAX; let mut rv=0;
        for _ in 0..5 { let (r,d)= p.test_run(w, fr, 1_000_000).unwrap(); best=best.min(d); rv=r; }
        println!("{w:?} {n} {rv} {best:?}");
        }
    }
    for (j,n) in p.maps.totals().unwrap() { if n>0 {println!("{j:?} {n}");} }
    println!("{:?}", p.maps.servers().unwrap());
    println!("{:?}", p.maps.port_stats().unwrap());
    println!("lost {}", p.maps.events_lost().unwrap());
    drop(p);
    println!("{:?}", detach(std::path::Path::new("/sys/fs/bpf")).unwrap());
}
