//! `drill flaky-network`: bad weather between players and keeper while deploys go on.

use playon_types::rng::mix;

use super::faults::FaultInjector;

impl FaultInjector<'_> {
    /// From now on the relay splits, stalls and cuts.
    pub(super) fn begin_weather(&self) {
        if let Some(relay) = &self.gear.relay {
            relay.weather.begin(mix(self.seed ^ 0xf1a4));
        }
    }

    /// From now on everything passes again, so that everyone can settle. Enters what the weather did.
    pub(super) fn end_weather(&mut self) {
        if let Some(relay) = &self.gear.relay {
            let (cuts, stalls, closed) = relay.weather.end();
            self.done.weather_cuts = cuts;
            self.done.stalls += stalls;
            self.done.closed_by_keeper = closed;
        }
    }
}
