//! Some time after the last fault everything must be well.

use playon_core::effect::Order;
use playon_core::image::ApplyBounds;
use playon_core::time::Span;

use super::World;
use crate::game::Game;
use crate::keeper::limits;

impl World {
    /// Some time after the last fault everything must be well.
    pub(super) fn check_end(&mut self) -> Result<(), String> {
        let bounds = ApplyBounds::from(&limits());
        if let Some(keeper) = &mut self.keeper {
            keeper.order(self.now, Order::Stop);
        }
        self.drain()?;
        while !self.store.pending.is_empty() {
            self.store.make_safe()?;
        }
        if self.store.deploy.as_ref().is_some_and(|record| !record.phase.is_final()) {
            return Err(format!("I18: the deploy never ended: {:?}", self.store.deploy));
        }
        for client in &self.clients {
            let i = client.index;
            if !client.welcomed {
                return Err(format!("I17: client {i} is not connected at the end"));
            }
            if client.applied != client.sent {
                return Err(format!(
                    "I17: client {i}: {} of {} applied",
                    client.applied, client.sent
                ));
            }
            let image = self
                .store
                .read(client.room, &bounds)?
                .ok_or(format!("I22: {} is gone", client.room))?;
            let game = Game::decode(&image.state).ok_or("I10: unreadable state")?;
            if game.disorder + game.early > 0 && !client.tainted {
                return Err(format!(
                    "I7: {} inputs of {} were out of order",
                    game.disorder, client.room
                ));
            }
            if game.ticking && client.heard + Span::secs(1) < self.now {
                return Err(format!("I17: client {i} heard nothing since {:?}", client.heard));
            }
            let session = client.seat.map(|seat| seat.session).unwrap_or_default();
            let tally =
                game.players.get(&session).ok_or(format!("I9: client {i} lost its seat"))?;
            if !client.tainted && (tally.count, tally.chain) != (client.sent, client.chain()) {
                return Err(format!(
                    "I7: client {i} sent {}, the room has {}",
                    client.sent, tally.count
                ));
            }
        }
        Ok(())
    }
}
