//! What the director decides, on its way to the store and back.

use std::sync::Arc;

use bytes::Bytes;
use playon_core::fleet::WorkerInfo;
use playon_store::{Decision, DeployRow};
use playon_types::ids::ReleaseId;
use playon_types::kind::{KindInfo, OnDeploy, Policies, Survives};
use playon_types::record::DeployRecord;
use playon_types::time::Span;
use serde::{Deserialize, Serialize};

use crate::control::catalog::DeployEntry;
use crate::control::thread::Control;
use crate::error::{Coded, store_error};
use crate::messages::ToShard;
use crate::time::clock::wall_ms;

/// The stored decision which release is current: 64 hexadecimal digits.
const SETTING_CURRENT: &str = "current_release";

/// What a release has said about its kinds: this and its 64 hexadecimal digits.
const SETTING_KINDS: &str = "kinds_of_";

/// What is stored of a kind of a release. Fields are only ever added.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredKind {
    name: String,
    writes: u32,
    reads_from: u32,
    exports_to: u32,
    on_deploy: StoredPolicy,
    /// Without it for ever: that build knew of no age.
    #[serde(default)]
    expire_us: Option<u64>,
    #[serde(default)]
    probation_us: Option<u64>,
    /// What follows was not kept at first; without it, what is usual.
    #[serde(flatten)]
    more: StoredPolicies,
}

/// The policies of a kind that say nothing of deploys.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct StoredPolicies {
    /// How often a checkpoint is made, of what need not survive the keeper.
    checkpoint_us: Option<u64>,
    pause_budget_us: Option<u64>,
    seat_hold_us: Option<u64>,
    idle_hibernate_us: Option<u64>,
    players_max: Option<u32>,
    batch_timeout_us: Option<u64>,
    tick_us: Option<u64>,
}

impl From<&Policies> for StoredPolicies {
    fn from(policies: &Policies) -> Self {
        Self {
            checkpoint_us: match policies.survives {
                Survives::WorkerCrash { checkpoint } => Some(checkpoint.0),
                Survives::KeeperCrash => None,
            },
            pause_budget_us: Some(policies.pause_budget.0),
            seat_hold_us: Some(policies.seat_hold.0),
            idle_hibernate_us: Some(policies.idle_hibernate.0),
            players_max: Some(policies.players_max),
            batch_timeout_us: Some(policies.batch_timeout.0),
            tick_us: policies.tick.map(|tick| tick.0),
        }
    }
}

impl From<StoredPolicies> for Policies {
    fn from(stored: StoredPolicies) -> Self {
        let usual = Self::default();
        let span = |us: Option<u64>, usual: Span| us.map_or(usual, Span);
        let survives = |us| Survives::WorkerCrash { checkpoint: Span(us) };
        Self {
            survives: stored.checkpoint_us.map_or(Survives::KeeperCrash, survives),
            pause_budget: span(stored.pause_budget_us, usual.pause_budget),
            seat_hold: span(stored.seat_hold_us, usual.seat_hold),
            idle_hibernate: span(stored.idle_hibernate_us, usual.idle_hibernate),
            players_max: stored.players_max.unwrap_or(usual.players_max),
            batch_timeout: span(stored.batch_timeout_us, usual.batch_timeout),
            tick: stored.tick_us.map(Span),
            ..usual
        }
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredPolicy {
    Finish,
    BetweenRounds { deadline_us: u64 },
    Now,
}

impl From<&KindInfo> for StoredKind {
    fn from(kind: &KindInfo) -> Self {
        Self {
            name: kind.name.clone(),
            writes: kind.writes,
            reads_from: kind.reads_from,
            exports_to: kind.exports_to,
            on_deploy: match kind.policies.on_deploy {
                OnDeploy::Finish => StoredPolicy::Finish,
                OnDeploy::BetweenRounds { deadline } => {
                    StoredPolicy::BetweenRounds { deadline_us: deadline.0 }
                }
                OnDeploy::Now => StoredPolicy::Now,
            },
            expire_us: Some(kind.policies.expire.0),
            probation_us: kind.policies.probation.map(|span| span.0),
            more: (&kind.policies).into(),
        }
    }
}

impl From<StoredKind> for KindInfo {
    fn from(kind: StoredKind) -> Self {
        Self {
            name: kind.name,
            writes: kind.writes,
            reads_from: kind.reads_from,
            exports_to: kind.exports_to,
            policies: Policies {
                on_deploy: match kind.on_deploy {
                    StoredPolicy::Finish => OnDeploy::Finish,
                    StoredPolicy::BetweenRounds { deadline_us } => {
                        OnDeploy::BetweenRounds { deadline: Span(deadline_us) }
                    }
                    StoredPolicy::Now => OnDeploy::Now,
                },
                expire: kind.expire_us.map_or(Policies::FOR_EVER, Span),
                probation: kind.probation_us.map(Span),
                ..kind.more.into()
            },
        }
    }
}

fn encode_kinds(kinds: &[KindInfo]) -> Bytes {
    let stored: Vec<StoredKind> = kinds.iter().map(StoredKind::from).collect();
    // Numbers and strings always have a JSON form.
    serde_json::to_vec(&stored).unwrap_or_default().into()
}

/// Nothing if a later build wrote something new: the release says it again when it attaches.
fn decode_kinds(bytes: &[u8]) -> Option<Vec<KindInfo>> {
    let stored: Vec<StoredKind> = serde_json::from_slice(bytes).ok()?;
    Some(stored.into_iter().map(KindInfo::from).collect())
}

fn setting_of(release: ReleaseId) -> String {
    format!("{SETTING_KINDS}{release}")
}

impl Control {
    /// Reads what was decided before, and tells director and shards.
    pub(crate) fn read_decisions(&mut self) -> Result<(), Coded> {
        let decisions = Arc::clone(&self.setup.decisions);
        let refuse = |error| store_error(&error);
        for row in self.setup.releases.releases().map_err(refuse)? {
            let kinds = decisions.setting(&setting_of(row.id)).map_err(refuse)?;
            if let Some(kinds) = kinds.and_then(|bytes| decode_kinds(&bytes)) {
                self.declare(row.id, kinds);
            }
            let stored = self.setup.artifacts.path(row.id).is_some();
            self.keep_release_row(row, stored);
        }
        let mut newest_first = Vec::new();
        for row in decisions.deploys(self.setup.deploys_max).map_err(refuse)? {
            let Some(entry) = DeployEntry::decode(&row.body, self.cut()) else {
                tracing::warn!(deploy = %row.id, "a deploy was stored by a later build and is not shown");
                continue;
            };
            newest_first.push(entry.record.clone());
            self.catalog_mut().deploys.insert(row.id, entry);
        }
        let text = decisions.setting(SETTING_CURRENT).map_err(refuse)?;
        self.stored_current =
            text.and_then(|text| ReleaseId::parse(std::str::from_utf8(&text).ok()?));
        let current = self.stored_current;
        self.catalog_mut().current = current;
        self.director.handle_recovered(self.setup.clock.now(), current, newest_first);
        self.tell_executables();
        Ok(())
    }

    fn declare(&mut self, release: ReleaseId, kinds: Vec<KindInfo>) {
        self.setup.shards.push_each(|| ToShard::Release(release, kinds.clone()));
        self.director.handle_release(release, kinds);
    }

    /// What a release says about its kinds is known from now on, also while no worker of it is attached.
    pub(crate) fn keep_kinds(&self, info: &WorkerInfo) {
        let (name, value) = (setting_of(info.release), encode_kinds(&info.kinds));
        let decisions = &self.setup.decisions;
        let stored = decisions.setting(&name).and_then(|held| match held {
            Some(held) if held == value => Ok(()),
            expected => {
                decisions.decide(Decision { deploy: None, name, expected, value: Some(value) })
            }
        });
        if let Err(error) = stored {
            self.fail(store_error(&error));
        }
    }

    /// Sockets cut so far.
    fn cut(&self) -> u64 {
        self.setup.stats.cut.get()
    }

    pub(crate) fn show(&self, record: DeployRecord) {
        let (id, cut, now_ms) = (record.id, self.cut(), wall_ms());
        let now = self.setup.clock.now();
        let until = record.in_round_until.map(|until| now_ms + until.since(now).0 / 1_000);
        let at_rest = self.unread_by_deploy(&record);
        let mut catalog = self.catalog_mut();
        if !catalog.deploys.contains_key(&id) {
            self.setup.metrics.deploys.inc();
        }
        let entry = catalog
            .deploys
            .entry(id)
            .or_insert_with(|| DeployEntry::new(record.clone(), now_ms, cut));
        entry.update(record, cut, now_ms, until);
        entry.at_rest = entry.at_rest.or(at_rest);
        while catalog.deploys.len() > self.setup.deploys_max {
            catalog.deploys.pop_first();
        }
    }

    /// A decision over a deploy, and which release is current from then on, if that changes with it.
    fn decision(&self, record: DeployRecord, changed: Option<ReleaseId>) -> Decision {
        let id = record.id;
        self.show(record);
        let body = self.catalog().deploys.get(&id).map(DeployEntry::encode).unwrap_or_default();
        let text = |release: ReleaseId| Bytes::from(release.to_string());
        Decision {
            deploy: Some(DeployRow { id, body }),
            name: SETTING_CURRENT.to_owned(),
            expected: self.stored_current.map(text),
            value: changed.map(text),
        }
    }

    /// How far a deploy is, for a keeper that comes after this one.
    pub(crate) fn keep(&self, record: DeployRecord) {
        if let Err(error) = self.setup.decisions.decide(self.decision(record, None)) {
            self.fail(store_error(&error));
        }
    }

    /// The decision is safe when this returns, as a whole; what follows from it comes after.
    pub(crate) fn store(&mut self, record: DeployRecord, current: Option<ReleaseId>) {
        let (id, phase, reason) = (record.id, record.phase, record.reason.clone());
        let changed = current.filter(|_| current != self.stored_current);
        if let Err(error) = self.setup.decisions.decide(self.decision(record, changed)) {
            self.fail(store_error(&error));
        }
        self.stored_current = current.or(self.stored_current);
        if self.catalog().current != current {
            self.catalog_mut().current = current;
            current.into_iter().for_each(|release| self.serve_site(release));
            self.expiry.handle_current();
            self.rests_may_be_read();
        }
        let release = current.map(|release| self.catalog().label(release));
        let phase = phase.name();
        match reason {
            None => tracing::info!(deploy = %id, phase, release, "deploy is stored"),
            Some(reason) => {
                tracing::warn!(deploy = %id, phase, release, reason, "deploy is stored")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_read_back_as_they_were_declared() {
        let first = |name: &str| name == "a";
        let kind = |name: &str, on_deploy| KindInfo {
            name: name.to_owned(),
            writes: 3,
            reads_from: 2,
            exports_to: 1,
            policies: Policies {
                survives: match first(name) {
                    true => Survives::WorkerCrash { checkpoint: Span::secs(9) },
                    false => Survives::KeeperCrash,
                },
                on_deploy,
                pause_budget: Span(1),
                seat_hold: Span(2),
                idle_hibernate: Span(3),
                expire: Span::secs(60),
                players_max: 4,
                batch_timeout: Span(5),
                probation: Some(Span::secs(u64::from(name == "b"))).filter(|_| !first(name)),
                tick: Some(Span(6)).filter(|_| first(name)),
            },
        };
        let rounds = OnDeploy::BetweenRounds { deadline: Span::secs(300) };
        let kinds = vec![kind("a", OnDeploy::Finish), kind("b", rounds), kind("c", OnDeploy::Now)];
        assert_eq!(decode_kinds(&encode_kinds(&kinds)), Some(kinds));
        assert_eq!(decode_kinds(b"[{\"name\":\"a\"}]"), None);
        let before =
            br#"[{"name":"a","writes":1,"reads_from":1,"exports_to":1,"on_deploy":"now"}]"#;
        let read = decode_kinds(before).unwrap();
        let wanted = Policies {
            on_deploy: OnDeploy::Now,
            expire: Policies::FOR_EVER,
            ..Policies::default()
        };
        assert_eq!(read[0].policies, wanted, "what knew of no age is kept");
    }
}
