//! The gateway's counters, read when somebody asks.

use std::fmt;
use std::sync::Arc;

use playon_types::gate::Close;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::gateway::{GatewayStats, HelloRefusal, StatsCount};

#[derive(Debug)]
pub(super) struct Collected(pub(super) Arc<GatewayStats>);

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = &self.0;
        for (name, help, count) in [
            ("gateway_sockets", "Sockets of any kind", &stats.sockets),
            ("gateway_connections", "Player sockets", &stats.connections),
            (
                "gateway_view_bases_bytes",
                "Bytes of views kept to tell the next ones by",
                &stats.view_bases_bytes,
            ),
        ] {
            let value = ConstGauge::new(i64::try_from(count.get()).unwrap_or(i64::MAX));
            value.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        for (name, help, count) in counters(stats) {
            let value = ConstCounter::new(count.get());
            value.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let mut refused = encoder.encode_descriptor(
            "gateway_refused",
            "Sockets turned away",
            None,
            MetricType::Counter,
        )?;
        for why in HelloRefusal::ALL {
            let value = ConstCounter::new(stats.refused(why));
            value.encode(refused.encode_family(&[("reason", why.label())])?)?;
        }
        let help = "Sockets closed by this side";
        let mut closed =
            encoder.encode_descriptor("gateway_closed", help, None, MetricType::Counter)?;
        for why in Close::ALL {
            let value = ConstCounter::new(stats.closed(why));
            value.encode(closed.encode_family(&[("code", why.code().to_string())])?)?;
        }
        Ok(())
    }
}

/// What only grows and has no labels: the name, what it is, and the count.
const fn counters(stats: &GatewayStats) -> [(&'static str, &'static str, &StatsCount); 19] {
    [
        ("gateway_accepted", "Player sockets let in", &stats.accepted),
        ("gateway_requests", "Requests for anything but a player socket", &stats.requests),
        ("gateway_frames_in", "Frames from players", &stats.frames_in),
        ("gateway_frames_out", "Frames to players", &stats.frames_out),
        ("gateway_bytes_in", "Bytes from players", &stats.bytes_in),
        ("gateway_bytes_out", "Bytes to players", &stats.bytes_out),
        ("gateway_messages_out", "Messages to players", &stats.messages_out),
        ("gateway_views", "Views written", &stats.views),
        (
            "gateway_views_delta",
            "Views told by what differs from the one before",
            &stats.views_delta,
        ),
        ("gateway_view_bytes_whole", "Bytes of views as they are", &stats.view_bytes_whole),
        ("gateway_view_bytes_out", "Bytes of views as written", &stats.view_bytes_out),
        (
            "gateway_views_replaced",
            "Views replaced before they were written",
            &stats.views_replaced,
        ),
        (
            "gateway_views_too_large",
            "Views left out because they are larger than may be sent",
            &stats.views_too_large,
        ),
        (
            "gateway_events_dropped",
            "Events dropped for slow sockets and asked for again",
            &stats.events_dropped,
        ),
        (
            "gateway_nows_dropped",
            "Unnumbered messages dropped for slow sockets",
            &stats.nows_dropped,
        ),
        ("gateway_drained", "Slow sockets that caught up", &stats.drained),
        ("gateway_owner_full", "Messages that a shard did not take", &stats.owner_full),
        (
            "gateway_rematched",
            "Players sent on because a room was full or refused them",
            &stats.rematched,
        ),
        ("gateway_left", "Sockets that ended from the other side", &stats.left),
    ]
}
