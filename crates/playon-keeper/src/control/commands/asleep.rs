//! Rooms at rest, as somebody asks for them.

use playon_core::deploy::Resting;
use playon_store::RestingRoom;
use playon_types::ids::RoomId;
use playon_types::kind::Policies;
use playon_types::ply;
use playon_types::time::WallTime;

use crate::control::effects::counted;
use crate::control::thread::Control;
use crate::control::views::{AsleepFilter, AsleepPage, AsleepView, RoomView};
use crate::error::{Coded, store_error};

/// Rooms at rest that are looked at for one page of a list, whatever is asked for.
const PAGE_LOOKED_AT_MAX: usize = 10_000;

/// Rooms at rest on one page of a list.
pub(crate) const PAGE_ROOMS_MAX: usize = 1_000;

impl Control {
    /// A room at rest as `playon room` and `playon close` show it.
    pub(crate) fn room_at_rest(&self, room: RoomId) -> Result<Option<RoomView>, Coded> {
        let found = self.setup.resting_rooms.rest(room).map_err(|error| store_error(&error))?;
        Ok(found.map(|rest| RoomView {
            id: room.to_string(),
            kind: rest.note.kind,
            name: rest.note.name,
            release: self.catalog().label(rest.note.release),
            version: rest.note.version,
            players: rest.note.seats,
            players_max: 0,
            live: false,
            halted: None,
            faults: 0,
            last_fault: None,
            at_rest_since_ms: Some(self.setup.calendar.date_ms(rest.note.since_ms)),
        }))
    }

    /// One page of rooms at rest.
    pub(crate) fn asleep(&self, filter: &AsleepFilter) -> Result<AsleepPage, Coded> {
        let refuse = |error| store_error(&error);
        let groups = self.setup.resting_rooms.rest_groups().map_err(refuse)?;
        let mut page = AsleepPage {
            at_rest: groups.iter().map(|group| group.rooms).sum(),
            unread: self.director.unread(&counted(&groups)),
            ..AsleepPage::default()
        };
        let mut after = match &filter.after {
            None => None,
            Some(id) => Some(RoomId::parse(id).ok_or_else(|| no_room_id(id))?),
        };
        let release = filter.release.as_deref().map(|text| self.catalog().find_release(text));
        let limit = filter.limit.unwrap_or(PAGE_ROOMS_MAX).min(PAGE_ROOMS_MAX);
        let now = self.setup.calendar.now();
        let mut looked_at = 0;
        while page.rooms.len() < limit && looked_at < PAGE_LOOKED_AT_MAX {
            let rests = self.setup.resting_rooms.rests(after, PAGE_ROOMS_MAX).map_err(refuse)?;
            let more = rests.len() == PAGE_ROOMS_MAX;
            looked_at += rests.len();
            for rest in rests {
                after = Some(rest.room);
                let of_kind = filter.kind.as_ref().is_none_or(|kind| rest.note.kind == *kind);
                let of_release = release.is_none_or(|wanted| wanted == Some(rest.note.release));
                if !of_kind || !of_release {
                    continue;
                }
                let view = self.asleep_view(&rest, now);
                if !filter.expired || view.expired {
                    page.rooms.push(view);
                }
                if page.rooms.len() == limit {
                    page.next = Some(rest.room.to_string());
                    return Ok(page);
                }
            }
            if !more {
                return Ok(page);
            }
        }
        page.next = after.map(|room| room.to_string());
        Ok(page)
    }

    fn asleep_view(&self, rest: &RestingRoom, now: WallTime) -> AsleepView {
        let note = &rest.note;
        let since = Some(note.since_ms).filter(|since| *since > 0);
        let keep = self.director.keeps_at_rest(&note.kind, note.release);
        let keep = keep.filter(|keep| *keep != Policies::FOR_EVER);
        let expires = since.zip(keep).map(|(since, keep)| WallTime(since).after(keep));
        let dated = |day: u64| self.setup.calendar.date_ms(day);
        let need =
            Resting { kind: note.kind.clone(), version: note.version, release: note.release };
        AsleepView {
            id: rest.room.to_string(),
            kind: note.kind.clone(),
            name: note.name.clone(),
            release: self.catalog().label(note.release),
            version: note.version,
            seats: note.seats,
            bytes: rest.bytes,
            since_ms: since.map(dated),
            rested_ms: since.map(|since| now.0.saturating_sub(since)),
            expires_ms: expires.map(|expires| dated(expires.0)),
            expires_in_ms: expires.map(|expires| expires.0.saturating_sub(now.0)),
            expired: expires.is_some_and(|expires| expires <= now),
            readable: self.director.is_read(&need),
        }
    }
}

fn no_room_id(text: &str) -> Coded {
    Coded::new(
        ply!("PLY-0516"),
        format!("{text} is not the id of a room"),
        "see `docs/admin-api.md`",
    )
}
