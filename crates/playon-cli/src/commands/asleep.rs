//! `playon rooms --asleep`: rooms at rest.

use playon_keeper::control::{AsleepPage, AsleepView};

use super::admin::{AdminClient, block_on};
use super::exit::Exit;
use super::locate::KeeperAddress;
use super::talk;

/// Asks page by page until there are as many as wanted, or no more.
pub(super) fn fetch(
    keeper: &KeeperAddress,
    filter: &str,
    expired: bool,
    limit: usize,
) -> Result<AsleepPage, Exit> {
    let admin = AdminClient::new(keeper.door()?);
    block_on(async {
        let mut all = AsleepPage::default();
        loop {
            let left = limit - all.rooms.len();
            let mut path = format!("/v1/rooms/asleep?limit={left}&expired={expired}{filter}");
            if let Some(after) = &all.next {
                path.push_str(&format!("&after={after}"));
            }
            let page: AsleepPage = admin.get(&path).await?;
            (all.at_rest, all.unread, all.next) = (page.at_rest, page.unread, page.next);
            all.rooms.extend(page.rooms);
            if all.next.is_none() || all.rooms.len() >= limit {
                return Ok(all);
            }
        }
    })
}

/// Prints the rooms, and a line about all of them.
pub(super) fn print(found: &AsleepPage, expired: bool) -> Result<(), Exit> {
    let rows: Vec<_> = found.rooms.iter().map(row).collect();
    let headings =
        ["ROOM", "KIND", "NAME", "RELEASE", "VERSION", "SEATS", "AT REST FOR", "DELETED IN"];
    talk::table(&headings, &rows)?;
    let (shown, more) =
        (found.rooms.len(), if found.next.is_some() { ", there are more" } else { "" });
    let what = if expired { " would be deleted now" } else { "" };
    talk::line(&format!("{shown}{what} of {} rooms at rest{more}", found.at_rest));
    if found.unread > 0 {
        talk::line(&format!(
            "{} of them can be read by no release that is kept (PLY-0571)",
            found.unread
        ));
    }
    Ok(())
}

fn row(room: &AsleepView) -> Vec<String> {
    let expires = match room.expires_in_ms {
        None => "never".to_owned(),
        Some(_) if room.expired => "now".to_owned(),
        Some(left) => span(left),
    };
    let unread = if room.readable { "" } else { " (unread)" };
    vec![
        room.id.clone(),
        room.kind.clone(),
        room.name.clone(),
        room.release.clone(),
        format!("{}{unread}", room.version),
        room.seats.to_string(),
        room.rested_ms.map_or_else(|| "unknown".to_owned(), span),
        expires,
    ]
}

/// Milliseconds in the largest unit that there is one of.
fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_shown_in_the_largest_unit() {
        let shown = [999, 59_999, 60_000, 7_199_999, 86_400_000, 7 * 86_400_000].map(span);
        assert_eq!(shown, ["0 s", "59 s", "1 min", "1 h", "1 d", "7 d"]);
    }
}
