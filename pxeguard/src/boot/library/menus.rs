//! Which menu a name asks for, and what stands in it.

use pxeguard_common::arch::Platform;
use pxeguard_common::net::Mac;

use super::{Shelf, lock};
use crate::boot::catalogue::Catalogue;
use crate::boot::entry::{Boot, LOCAL, split};
use crate::boot::image::Loader;
use crate::boot::menu::{self, IPXE_SCRIPT, Page, Start, syslinux};
use crate::boot::{Settings, Visitor};

/// Whether a name is that of a menu.
pub(super) fn is_menu(name: &str) -> bool {
    is_script(name) || syslinux::asked(name).is_some() || menu::grub::is_config(name)
}

fn is_script(name: &str) -> bool {
    name == IPXE_SCRIPT || menu::ipxe::dispatched_platform(name).is_some()
}

impl Shelf {
    /// Writes the menu of a name, for who asks; `None` if the name is no menu's.
    pub(super) fn menu(&self, catalogue: &Catalogue, name: &str, visitor: &Visitor) -> Option<String> {
        if is_script(name) {
            let known = visitor.mac.and_then(|mac| lock(&self.memory).platform(mac));
            let Some(platform) = menu::ipxe::dispatched_platform(name).or(known) else {
                return Some(menu::ipxe::dispatch());
            };
            let page = self.page(catalogue, platform, visitor, |_| true, visitor.mac);
            return Some(menu::ipxe::script(&page, visitor.via));
        }
        if let Some((folder, mac)) = syslinux::asked(name) {
            return self.syslinux(catalogue, folder, mac, visitor);
        }
        let has_grub = catalogue.programs.iter().any(|program| program.loader == Loader::Grub);
        (has_grub && menu::grub::is_config(name)).then(|| {
            let page = |platform| self.page(catalogue, platform, visitor, menu::grub::shows, visitor.mac);
            let pages = Platform::ALL.map(page);
            menu::grub::config(&pages.into_iter().filter(|page| !page.entries.is_empty()).collect::<Vec<_>>())
        })
    }

    /// The menu for a loader that lies in this folder.
    fn syslinux(&self, catalogue: &Catalogue, folder: &str, named: Option<Mac>, visitor: &Visitor) -> Option<String> {
        let own = catalogue.programs.iter().filter(|program| split(&program.file).0 == folder);
        let loaders: Vec<_> = own.filter(|program| matches!(program.loader, Loader::Syslinux { .. })).collect();
        let mac = named.or(visitor.mac);
        let is_chosen = mac.is_some_and(|mac| self.own(mac).entry.is_some());
        // The operator's own menu is for all clients, but not for those of which something else was said.
        if named.is_some() && !is_chosen && catalogue.items.get(&format!("{folder}{}", syslinux::CONFIG)).is_some() {
            return None;
        }
        let said = mac.and_then(|mac| lock(&self.memory).platform(mac));
        let fits = |platform: &Platform| loaders.iter().any(|loader| loader.platform == *platform);
        let platform = said.filter(fits).or_else(|| Some(loaders.first()?.platform))?;
        let has = |name: &str| catalogue.items.get_ignoring_case(&format!("{folder}{name}")).is_some();
        // From version 5 on, the menu needs a library.
        let is_in_parts = loaders.iter().any(|loader| matches!(loader.loader, Loader::Syslinux { needs: Some(_) }));
        let has_menu = has("menu.c32") && (!is_in_parts || has("libutil.c32"));
        let style = if has_menu { syslinux::Style::Menu } else { syslinux::Style::Prompt };
        Some(syslinux::config(&self.page(catalogue, platform, visitor, syslinux::shows, mac), style))
    }

    fn page<'a>(
        &self,
        catalogue: &'a Catalogue,
        platform: Platform,
        visitor: &Visitor,
        shows: impl Fn(&Boot) -> bool,
        mac: Option<Mac>,
    ) -> Page<'a> {
        let settings = self.settings();
        let entries: Vec<_> = catalogue.entries_for(platform).filter(|(_, boot)| shows(boot)).collect();
        let is_there = |id: &str| id == LOCAL || entries.iter().any(|(entry, _)| entry.id == id);
        let chosen = mac.and_then(|mac| self.own(mac).entry).filter(|id| is_there(id));
        let first = || entries.first().map_or(LOCAL, |(entry, _)| &entry.id).to_owned();
        let start = chosen.map_or_else(|| default_start(&settings, is_there, first), Start::Entry);
        Page { platform, start, server: visitor.server, http_port: settings.http_port, entries }
    }
}

fn default_start(settings: &Settings, is_there: impl Fn(&str) -> bool, first: impl Fn() -> String) -> Start {
    let default = settings.default.clone().filter(|id| is_there(id));
    Start::Menu { default: default.unwrap_or_else(first), timeout: settings.timeout }
}
