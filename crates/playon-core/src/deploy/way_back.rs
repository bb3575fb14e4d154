//! Where a rollback leads.
//!
//! *To the release that rooms were on before the last deploy that took effect, whatever state that deploy is in.* A deploy
//! takes effect when it has moved a room or when new rooms go to its release. One that is under way counts too: it is called
//! off. One that was refused or cut off before it moved anything does not. A rollback is a deploy like any other, so a second
//! one goes forth again; who wants to go further back names the release. Where the keeper has gone back by itself there is
//! nothing left to undo: whoever asks for a rollback just then must not be taken to the release that has failed.

use playon_types::ids::{DeployId, ReleaseId};
use playon_types::record::{Course, DeployRecord};

use crate::mutant::{Mutant, broken};

/// What a rollback would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// The deploy that it undoes.
    pub undoes: DeployId,
    /// The release that rooms leave.
    pub from: ReleaseId,
    /// The release that they go to.
    pub to: ReleaseId,
}

/// The way back, from the records of all deploys that are remembered, newest first.
pub(super) fn way_back<'a>(
    newest_first: impl Iterator<Item = &'a DeployRecord>,
) -> Option<WayBack> {
    let counts = |record: &&DeployRecord| {
        if broken(Mutant::WayBackAny) {
            return true;
        }
        !record.phase.is_final() || record.took_effect()
    };
    let leads = |record: &DeployRecord| {
        let to = record.from.filter(|from| *from != record.to)?;
        Some(WayBack { undoes: record.id, from: record.to, to })
    };
    let mut ways = newest_first.filter(counts).filter_map(|record| Some((record, leads(record)?)));
    let (record, way) = ways.next()?;
    (record.course != Course::Rescue).then_some(way)
}

#[cfg(test)]
mod tests {
    use super::*;
    use playon_types::record::DeployPhase;

    const fn release(n: u8) -> ReleaseId {
        ReleaseId([n; 32])
    }

    fn deploy(id: u64, from: u8, to: u8, phase: DeployPhase, moved: u64) -> DeployRecord {
        let from = Some(release(from));
        let record = DeployRecord::new(DeployId(id), Course::Forward, from, release(to), true);
        DeployRecord { phase, moved, ..record }
    }

    fn leads(oldest_first: &[DeployRecord]) -> Option<(u64, u8, u8)> {
        let way = way_back(oldest_first.iter().rev())?;
        Some((way.undoes.0, way.from.0[0], way.to.0[0]))
    }

    #[test]
    fn a_deploy_that_stopped_half_way_is_what_is_undone() {
        let first = deploy(1, 0, 1, DeployPhase::Done, 20);
        let stopped = deploy(2, 1, 3, DeployPhase::Stopped, 8);
        assert_eq!(leads(&[first.clone(), stopped]), Some((2, 3, 1)));
        let moved_none = deploy(2, 1, 3, DeployPhase::Stopped, 0);
        assert_eq!(leads(&[first.clone(), moved_none]), Some((1, 1, 0)));
        let refused = deploy(2, 1, 3, DeployPhase::Reverted, 0);
        assert_eq!(leads(&[first, refused]), Some((1, 1, 0)));
    }

    #[test]
    fn a_deploy_under_way_is_called_off_even_before_it_moved_a_room() {
        let first = deploy(1, 0, 1, DeployPhase::Done, 20);
        for phase in [DeployPhase::Starting, DeployPhase::Checking, DeployPhase::Moving] {
            assert_eq!(leads(&[first.clone(), deploy(2, 1, 2, phase, 0)]), Some((2, 2, 1)));
        }
    }

    #[test]
    fn a_rollback_is_a_deploy_and_a_second_one_goes_forth_again() {
        let mut past =
            vec![deploy(1, 1, 2, DeployPhase::Done, 4), deploy(2, 2, 3, DeployPhase::Done, 4)];
        assert_eq!(leads(&past), Some((2, 3, 2)));
        past.push(deploy(3, 3, 2, DeployPhase::Done, 4));
        assert_eq!(leads(&past), Some((3, 2, 3)));
    }

    #[test]
    fn what_the_keeper_has_undone_by_itself_is_not_done_again() {
        let shipped = deploy(2, 1, 2, DeployPhase::Done, 4);
        for phase in [DeployPhase::Checking, DeployPhase::Moving, DeployPhase::Done] {
            let course = Course::Rescue;
            let rescue = DeployRecord { course, ..deploy(3, 2, 1, phase, 0) };
            assert_eq!(leads(&[shipped.clone(), rescue]), None);
        }
        let rescue =
            DeployRecord { course: Course::Rescue, ..deploy(3, 2, 1, DeployPhase::Done, 4) };
        let next = deploy(4, 1, 3, DeployPhase::Done, 4);
        assert_eq!(leads(&[shipped, rescue, next]), Some((4, 3, 1)));
    }

    #[test]
    fn without_a_deploy_that_took_effect_there_is_no_way_back() {
        assert_eq!(leads(&[]), None);
        let first = DeployRecord { from: None, ..deploy(1, 0, 1, DeployPhase::Done, 0) };
        assert_eq!(leads(&[first]), None);
        assert_eq!(leads(&[deploy(1, 1, 2, DeployPhase::Superseded, 0)]), None);
    }
}
