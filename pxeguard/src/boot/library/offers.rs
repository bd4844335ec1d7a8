//! What each client is offered.

use std::time::Instant;

use pxeguard_common::arch::{Platform, Transport};
use pxeguard_common::net::Mac;

use super::{IPXE_START, Shelf, lock};
use crate::boot::catalogue::{Catalogue, Item, Program, Warning};
use crate::boot::image::Loader;
use crate::boot::{ArchChoice, AskingProgram, Client, ClientSettings, Image, NoOffer, Offer, Offers, Settings, menu};
use crate::trust::MacAddress;

impl Offers for Shelf {
    fn offer(&self, client: &Client) -> Result<Offer, NoOffer> {
        if let Some(platform) = client.arch.platform() {
            lock(&self.memory).note_platform(client.mac, platform);
        }
        self.offer_as_if(client, &self.own(client.mac))
    }

    fn offer_as_if(&self, client: &Client, own: &ClientSettings) -> Result<Offer, NoOffer> {
        let (settings, catalogue) = (self.settings(), self.catalogue());
        let platform = client.arch.platform();
        let named =
            named_program(&settings, own, client).map(|name| named_item(&catalogue, name, platform, client.transport));
        match (client.program, platform) {
            (AskingProgram::Firmware, _) if named.is_some() => offer(named.expect("just looked at")?),
            (AskingProgram::Firmware, Some(platform)) => for_firmware(&catalogue, own, client, platform),
            (AskingProgram::Ipxe { .. }, Some(platform)) => {
                self.for_ipxe(&settings, &catalogue, client, platform, named)
            }
            (_, None) => Err(NoOffer::NothingFits(format!("architecture {}", client.arch.0))),
        }
    }

    fn generation(&self) -> u64 {
        let changes = *self.generation.borrow();
        // An iPXE that was given is taken for the one that asks for so long, and then no more.
        let terms = if self.settings().chain_ipxe { self.since.elapsed().as_secs() / IPXE_START.as_secs() } else { 0 };
        changes + terms
    }
}

impl Shelf {
    fn for_ipxe(
        &self,
        settings: &Settings,
        catalogue: &Catalogue,
        client: &Client,
        platform: Platform,
        named: Option<Result<&Item, NoOffer>>,
    ) -> Result<Offer, NoOffer> {
        // The operator may want another program than iPXE; iPXE itself has done its part.
        if let Some(named) = named
            && !named.as_ref().is_ok_and(|item| item.image.loader() == Some(Loader::Ipxe))
        {
            return offer(named?);
        }
        if settings.chain_ipxe
            && let Some(ipxe) = catalogue.ipxe(platform)
            && !lock(&self.memory).has_ipxe(client.mac, Instant::now())
        {
            return Ok(of_program(ipxe));
        }
        if catalogue.has_script(platform) {
            let own = catalogue.items.get(menu::IPXE_SCRIPT);
            return Ok(Offer { file: menu::IPXE_SCRIPT.into(), len: own.map(|item| item.len) });
        }
        let program = catalogue.program_but_ipxe(platform, client.transport);
        program.map(of_program).ok_or_else(|| nothing_fits(platform))
    }

    /// What is said of a client by configuration, with the entry that was chosen for it at run time, if one was.
    pub fn own(&self, mac: Mac) -> ClientSettings {
        let by_command = lock(&self.choices).entry(mac).map(str::to_owned);
        let configured = self.settings().clients.get(&MacAddress(mac)).cloned().unwrap_or_default();
        ClientSettings { entry: by_command.or(configured.entry), ..configured }
    }
}

fn for_firmware(
    catalogue: &Catalogue,
    own: &ClientSettings,
    client: &Client,
    platform: Platform,
) -> Result<Offer, NoOffer> {
    let wanted = own.entry.as_deref().and_then(|id| catalogue.entry(id));
    if let Some(program) = catalogue.program(platform, client.transport, wanted) {
        return Ok(of_program(program));
    }
    // A UEFI that boots by HTTP takes a disc, too.
    let disc = catalogue.disc(platform).filter(|_| client.transport == Transport::Http);
    disc.map_or_else(|| Err(nothing_fits(platform)), offer)
}

/// What the operator names for a client, for its number of option 93, or for its platform; in this order.
fn named_program<'a>(settings: &'a Settings, own: &'a ClientSettings, client: &Client) -> Option<&'a str> {
    let of_client = own.program.as_ref();
    let of_number = || settings.programs.get(&ArchChoice::Number(client.arch));
    let of_platform = || settings.programs.get(&ArchChoice::Platform(client.arch.platform()?));
    of_client.or_else(of_number).or_else(of_platform).map(String::as_str)
}

/// What the operator names for architectures and cannot be offered to them.
pub(super) fn unfit_programs(settings: &Settings, catalogue: &Catalogue) -> Vec<Warning> {
    let unfit = settings.programs.iter().filter_map(|(arch, name)| {
        let (platform, transport) = match arch {
            ArchChoice::Platform(platform) => (Some(*platform), Transport::Tftp),
            ArchChoice::Number(arch) => {
                (arch.platform(), arch.entry().map_or(Transport::Tftp, |entry| entry.transport))
            }
        };
        match named_item(catalogue, name, platform, transport).err()? {
            NoOffer::Unfit { file, why } => Some(Warning { file, text: why }),
            NoOffer::NothingFits(_) => None,
        }
    });
    unfit.collect()
}

/// A file that the operator names; of an architecture that is in no table, only the operator knows what fits.
fn named_item<'a>(
    catalogue: &'a Catalogue,
    name: &str,
    platform: Option<Platform>,
    transport: Transport,
) -> Result<&'a Item, NoOffer> {
    let unfit = |why: String| NoOffer::Unfit { file: name.into(), why };
    let item = catalogue.items.get_ignoring_case(name.trim_start_matches('/'));
    let item = item.ok_or_else(|| unfit("it is not below the boot root".to_owned()))?;
    let is_disc = matches!(item.image, Image::Iso(_)) && transport == Transport::Http;
    match platform {
        Some(platform) if !is_disc && !item.image.platforms().contains(&platform) => {
            Err(unfit(format!("it is {}, and no boot program for {}", item.image.describe(), platform.name())))
        }
        _ => Ok(item),
    }
}

fn offer(item: &Item) -> Result<Offer, NoOffer> {
    Ok(Offer { file: item.name.clone(), len: Some(item.len) })
}

fn of_program(program: &Program) -> Offer {
    Offer { file: program.file.clone(), len: Some(program.len) }
}

fn nothing_fits(platform: Platform) -> NoOffer {
    NoOffer::NothingFits(platform.name().to_owned())
}
