//! When a kind's policy lets a room move.

use playon_types::image::StateCodec;
use playon_types::kind::OnDeploy;
use playon_types::time::Time;

use crate::effect::Report;
use crate::env::Env;
use crate::mutant::{Mutant, broken};

use super::Room;
use super::phase::MoveOrder;

impl Room {
    /// What the kind's policy says, as far as any worker of the room's release has ever said it.
    pub(super) fn on_deploy<C: StateCodec>(&self, env: &Env<C>) -> Option<OnDeploy> {
        if self.policies_known || broken(Mutant::PolicyAssumed) {
            return Some(self.policies.on_deploy);
        }
        env.fleet
            .declared(self.release(), &self.image.kind)
            .map(|declared| declared.policies.on_deploy)
    }

    /// Sets an order to when the policy lets the room go. Tells whether it ever does; if not, that is the answer.
    pub(super) fn allow<C: StateCodec>(
        &self,
        env: &mut Env<C>,
        now: Time,
        order: &mut MoveOrder,
        policy: Option<OnDeploy>,
    ) -> bool {
        let (deploy, room) = (order.deploy, self.id());
        order.allowed = policy.is_some();
        order.at_once_from = match policy {
            // The release the room is on says so when it has opened it.
            None | Some(OnDeploy::Now) => Time(0),
            Some(OnDeploy::BetweenRounds { deadline }) => {
                let since = order.since.unwrap_or_else(|| env.aged(now));
                env.on_own_clock(since + deadline)
            }
            Some(OnDeploy::Finish) => {
                env.report(Report::Staying { deploy, room });
                return false;
            }
        };
        if order.at_once_from > now && !self.image.between_rounds {
            env.report(Report::Waiting { deploy, room, until: order.at_once_from });
        }
        true
    }
}
