//! Any value of the types that are encoded.

use bytes::Bytes;
use playon_types::attach::{
    Body, Commit, Deliver, Exported, Fault, FromWorker, Item, LeftOut, Noted, Output, Prewarmed,
    Ready, Stage, ToWorker,
};
use playon_types::gate::Mode;
use playon_types::ids::{
    Attempt, DeployId, Epoch, GENERATION_MAX, Generation, History, NUMBER_MAX, ReleaseId, RoomId,
    SecretHash, Seq, SessionId, WorkerId,
};
use playon_types::image::{Image, Loss, Record, Seat, SeatChange};
use playon_types::kind::{KindInfo, OnDeploy, Policies, Survives};
use playon_types::time::{RoomTime, Span, Time};
use playon_wire::attach::{
    Asset, Down, KeeperRefuse, KeeperWelcome, LinkSecret, LogLevel, LogLine, Up, WorkerHello,
};
use playon_wire::player::{ClientFrame, ClientHello, MoveTo, ServerFrame, ServerWelcome, Token};
use playon_wire::range::ProtocolRange;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

fn bytes(max: usize) -> impl Strategy<Value = Bytes> + Clone {
    vec(any::<u8>(), 0..=max).prop_map(Bytes::from)
}

fn text() -> impl Strategy<Value = String> + Clone {
    "\\PC{0,12}"
}

fn room() -> impl Strategy<Value = RoomId> + Clone {
    any::<[u8; 16]>().prop_map(RoomId)
}

/// Any number, often one at an edge of what some side can hold.
pub(crate) fn edgy() -> impl Strategy<Value = u64> + Clone {
    let near = |edge: u64| (0..4_u64).prop_map(move |by| edge.wrapping_add(by).wrapping_sub(2));
    let edges =
        prop_oneof![near(2), near(1 << 32), near(NUMBER_MAX), near(1 << 63), near(u64::MAX - 1)];
    prop_oneof![any::<u64>(), edges]
}

/// A number that the player protocol may hold.
fn number() -> impl Strategy<Value = u64> + Clone {
    edgy().prop_map(|n| if n > NUMBER_MAX { NUMBER_MAX - n % 4 } else { n })
}

fn session() -> impl Strategy<Value = SessionId> + Clone {
    (0..1_u64 << 53).prop_map(SessionId)
}

fn release() -> impl Strategy<Value = ReleaseId> {
    any::<[u8; 32]>().prop_map(ReleaseId)
}

fn secret_hash() -> impl Strategy<Value = SecretHash> {
    any::<[u8; 16]>().prop_map(SecretHash)
}

fn token() -> impl Strategy<Value = Token> {
    (session(), any::<[u8; 16]>()).prop_map(|(session, secret)| Token { session, secret })
}

fn range() -> impl Strategy<Value = ProtocolRange> {
    any::<(u32, u32)>().prop_map(|(min, max)| ProtocolRange { min, max })
}

fn room_time() -> impl Strategy<Value = RoomTime> {
    edgy().prop_map(RoomTime)
}

fn span() -> impl Strategy<Value = Span> {
    edgy().prop_map(Span)
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![Just(Body::Same), bytes(40).prop_map(Body::Delta), bytes(40).prop_map(Body::Full)]
}

pub(crate) fn client_frame() -> impl Strategy<Value = ClientFrame> {
    prop_oneof![
        client_hello().prop_map(|hello| ClientFrame::Hello(Box::new(hello))),
        (number(), number(), bytes(40)).prop_map(|(seq, recv, payload)| ClientFrame::Input {
            seq,
            recv,
            payload
        }),
        number().prop_map(|recv| ClientFrame::Ack { recv }),
        Just(ClientFrame::Bye),
        number().prop_map(|nonce| ClientFrame::Pong { nonce }),
    ]
}

fn client_hello() -> impl Strategy<Value = ClientHello> {
    let place = prop_oneof![
        Just((None, None)),
        room().prop_map(|room| (None, Some(room))),
        (token(), room()).prop_map(|(token, room)| (Some(token), Some(room))),
    ];
    let numbers = (number(), number(), number(), number());
    (range(), any::<[bool; 3]>(), place, "[a-z]{0,9}", "[a-z]{0,9}", bytes(20), bytes(20), numbers)
        .prop_map(
            |(
                protocol,
                [watch, whole, deltas],
                (token, room),
                kind,
                name,
                profile,
                params,
                numbers,
            )| {
                ClientHello {
                    protocol,
                    watch,
                    whole,
                    deltas,
                    token,
                    room,
                    kind,
                    name,
                    profile,
                    params,
                    history: History(numbers.0),
                    generation: Generation(numbers.1).min(GENERATION_MAX),
                    recv: numbers.2,
                    lo: numbers.3,
                }
            },
        )
}

pub(crate) fn server_frame() -> impl Strategy<Value = ServerFrame> {
    prop_oneof![
        server_welcome().prop_map(|welcome| ServerFrame::Welcome(Box::new(welcome))),
        (number(), bytes(40)).prop_map(|(seq, payload)| ServerFrame::Event { seq, payload }),
        (number(), number(), bytes(40)).prop_map(|(as_of, base, payload)| ServerFrame::View {
            as_of,
            base,
            payload
        }),
        bytes(40).prop_map(|payload| ServerFrame::Now { payload }),
        number().prop_map(|applied| ServerFrame::Ack { applied }),
        number().prop_map(|nonce| ServerFrame::Ping { nonce }),
        (any::<u16>(), vec(number(), 0..5))
            .prop_map(|(code, inputs)| ServerFrame::SetAside { code, inputs }),
        (text(), bytes(30), edgy(), edgy()).prop_map(|(url, ticket, window_ms, deadline_ms)| {
            ServerFrame::Move(Box::new(MoveTo { url, ticket, window_ms, deadline_ms }))
        }),
    ]
}

fn server_welcome() -> impl Strategy<Value = ServerWelcome> {
    let mode =
        prop_oneof![Just(Mode::New), Just(Mode::Resumed), Just(Mode::Fresh), Just(Mode::Watching)];
    let limits = (edgy(), edgy(), edgy(), edgy());
    let numbers = (number(), number(), number(), number(), number(), limits);
    (any::<u32>(), mode, any::<u8>(), option::of(token()), room(), numbers, text()).prop_map(
        |(protocol, mode, codec, token, room, numbers, release)| ServerWelcome {
            protocol,
            mode,
            codec,
            token,
            room,
            history: History(numbers.0),
            generation: Generation(numbers.1).min(GENERATION_MAX),
            in_next: numbers.2,
            event_seq: numbers.3,
            lost: numbers.4,
            ttl_ms: numbers.5.0,
            ping_ms: numbers.5.1,
            input_bytes_max: numbers.5.2,
            inputs_pending_max: numbers.5.3,
            frames_per_second: numbers.5.0,
            bytes_per_second: numbers.5.1,
            release,
        },
    )
}

pub(crate) fn down() -> impl Strategy<Value = Down> {
    prop_oneof![
        (any::<u32>(), edgy(), edgy(), edgy(), (edgy(), edgy()), option::of(text())).prop_map(
            |(protocol, worker, heartbeat_ms, credit_bytes, bytes_max, turns)| {
                Down::Welcome(KeeperWelcome {
                    protocol,
                    worker: WorkerId(worker),
                    heartbeat_ms,
                    credit_bytes,
                    state_bytes_max: bytes_max.0,
                    view_bytes_max: bytes_max.1,
                    turns,
                })
            }
        ),
        (text(), text()).prop_map(|(code, detail)| Down::Refuse(KeeperRefuse { code, detail })),
        edgy().prop_map(|nonce| Down::Ping { nonce }),
        Just(Down::Shutdown),
        to_worker().prop_map(Down::Room),
    ]
}

fn to_worker() -> impl Strategy<Value = ToWorker> {
    let attempt = || edgy().prop_map(Attempt);
    let seq = || edgy().prop_map(Seq);
    let opening = || (room(), attempt(), text(), seq(), any::<u32>(), bytes(60));
    prop_oneof![
        (room(), attempt(), text(), bytes(20), edgy()).prop_map(
            |(room, attempt, kind, params, seed)| ToWorker::Create {
                room,
                attempt,
                kind,
                params,
                seed
            }
        ),
        opening().prop_map(|(room, attempt, kind, seq, version, state)| ToWorker::Open {
            room,
            attempt,
            kind,
            seq,
            version,
            state
        }),
        opening().prop_map(|(room, attempt, kind, seq, version, state)| ToWorker::Prewarm {
            room,
            attempt,
            kind,
            seq,
            version,
            state
        }),
        deliver().prop_map(ToWorker::Deliver),
        opening().prop_map(|(room, attempt, kind, seq, version, state)| ToWorker::Export {
            room,
            attempt,
            kind,
            seq,
            version,
            state
        }),
        (room(), attempt(), seq(), edgy(), vec(bytes(30), 0..4)).prop_map(
            |(room, attempt, seq, hash, deltas)| ToWorker::Tail {
                room,
                attempt,
                seq,
                hash,
                deltas
            }
        ),
        (room(), attempt()).prop_map(|(room, attempt)| ToWorker::Retire { room, attempt }),
    ]
}

fn deliver() -> impl Strategy<Value = Deliver> {
    let numbers = any::<(u64, u64)>();
    (room(), numbers, room_time(), vec(item(), 0..6), vec(session(), 0..4), any::<bool>()).prop_map(
        |(room, (attempt, seq), now, items, render, render_watch)| Deliver {
            room,
            attempt: Attempt(attempt),
            seq: Seq(seq),
            now,
            items,
            render,
            render_watch,
        },
    )
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        (session(), bytes(20)).prop_map(|(session, profile)| Item::Join { session, profile }),
        (session(), edgy(), bytes(20)).prop_map(|(session, seq, payload)| Item::Input {
            session,
            seq,
            payload
        }),
        session().prop_map(Item::Away),
        (session(), edgy()).prop_map(|(session, lost)| Item::Back { session, lost }),
        session().prop_map(Item::Leave),
        (session(), noted()).prop_map(|(session, change)| Item::Noted { session, change }),
        edgy().prop_map(Item::Tick),
        Just(Item::Wake),
    ]
}

pub(crate) fn up() -> impl Strategy<Value = Up> {
    prop_oneof![
        worker_hello().prop_map(|hello| Up::Hello(Box::new(hello))),
        edgy().prop_map(|nonce| Up::Pong { nonce }),
        edgy().prop_map(|bytes| Up::Credit { bytes }),
        (level(), option::of(room()), text()).prop_map(|(level, room, text)| Up::Log(LogLine {
            level,
            room,
            text
        })),
        from_worker().prop_map(Up::Room),
    ]
}

fn level() -> impl Strategy<Value = LogLevel> {
    proptest::sample::select(vec![
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ])
}

fn worker_hello() -> impl Strategy<Value = WorkerHello> {
    let asset =
        (text(), text(), bytes(40)).prop_map(|(path, mime, bytes)| Asset { path, mime, bytes });
    let secret = any::<[u8; 32]>().prop_map(LinkSecret);
    (
        range(),
        secret,
        text(),
        text(),
        any::<u32>(),
        vec(kind(), 0..3),
        vec(asset, 0..3),
        vec(text(), 0..3),
    )
        .prop_map(|(protocol, secret, app, label, pid, kinds, assets, defects)| WorkerHello {
            protocol,
            secret,
            app,
            label,
            pid,
            kinds,
            assets,
            defects,
        })
}

fn kind() -> impl Strategy<Value = KindInfo> {
    (text(), any::<(u32, u32, u32)>(), policies()).prop_map(|(name, versions, policies)| KindInfo {
        name,
        writes: versions.0,
        reads_from: versions.1,
        exports_to: versions.2,
        policies,
    })
}

fn policies() -> impl Strategy<Value = Policies> {
    let survives = prop_oneof![
        Just(Survives::KeeperCrash),
        span().prop_map(|checkpoint| Survives::WorkerCrash { checkpoint })
    ];
    let on_deploy = prop_oneof![
        Just(OnDeploy::Finish),
        Just(OnDeploy::Now),
        span().prop_map(|deadline| OnDeploy::BetweenRounds { deadline })
    ];
    let spans = (span(), span(), span(), span(), span(), option::of(span()));
    (survives, on_deploy, spans, any::<u32>(), option::of(span())).prop_map(
        |(survives, on_deploy, spans, players_max, tick)| {
            let (pause_budget, seat_hold, idle_hibernate, batch_timeout, expire, probation) = spans;
            Policies {
                survives,
                on_deploy,
                pause_budget,
                seat_hold,
                idle_hibernate,
                expire,
                players_max,
                batch_timeout,
                probation,
                tick,
            }
        },
    )
}

fn from_worker() -> impl Strategy<Value = FromWorker> {
    let about = || (room(), edgy().prop_map(Attempt), edgy().prop_map(Seq));
    let stage = proptest::sample::select(vec![
        Stage::Create,
        Stage::Open,
        Stage::Deliver,
        Stage::Export,
        Stage::Prewarm,
    ]);
    prop_oneof![
        commit().prop_map(FromWorker::Commit),
        (about(), any::<u32>(), body(), edgy(), option::of(room_time()), any::<u32>()).prop_map(
            |((room, attempt, seq), version, body, hash, wake_at, cost_us)| {
                FromWorker::Ready(Ready {
                    room,
                    attempt,
                    seq,
                    version,
                    body,
                    hash,
                    wake_at,
                    cost_us,
                })
            }
        ),
        (about(), any::<u32>(), bytes(40), any::<u32>()).prop_map(
            |((room, attempt, seq), version, state, cost_us)| FromWorker::Exported(Exported {
                room,
                attempt,
                seq,
                version,
                state,
                cost_us
            })
        ),
        (about(), edgy(), any::<u32>()).prop_map(|((room, attempt, seq), size, cost_us)| {
            FromWorker::Prewarmed(Prewarmed { room, attempt, seq, size, cost_us })
        }),
        (about(), stage, text(), any::<bool>()).prop_map(
            |((room, attempt, _), stage, message, refusal)| FromWorker::Fault(Fault {
                room,
                attempt,
                stage,
                message,
                refusal
            })
        ),
    ]
}

fn commit() -> impl Strategy<Value = Commit> {
    let sentences = || vec((session(), text()), 0..3);
    let output = (session(), bytes(20), any::<bool>())
        .prop_map(|(session, payload, reliable)| Output { session, payload, reliable });
    let left_out =
        (session(), any::<bool>()).prop_map(|(session, again)| LeftOut { session, again });
    let numbers = any::<(u64, u64, u64, u64, u32, u32, bool, bool)>();
    (
        room(),
        numbers,
        body(),
        sentences(),
        sentences(),
        vec(output, 0..4),
        (vec((session(), bytes(20)), 0..3), vec(left_out, 0..3)),
        option::of(bytes(20)),
        option::of(room_time()),
    )
        .prop_map(
            |(room, numbers, body, refused, dismissed, outputs, views, watch_view, wake_at)| {
                let (views, left_out) = views;
                Commit {
                    room,
                    attempt: Attempt(numbers.0),
                    seq: Seq(numbers.1),
                    parent_hash: numbers.2,
                    hash: numbers.3,
                    version: numbers.4,
                    body,
                    refused,
                    dismissed,
                    outputs,
                    inputs: numbers.4,
                    views,
                    left_out,
                    watch_view,
                    wake_at,
                    between_rounds: numbers.6,
                    ended: numbers.7,
                    cost_us: numbers.5,
                }
            },
        )
}

pub(crate) fn image() -> impl Strategy<Value = Image> {
    let numbers = any::<(u64, u64, u64, u32, u64, u64)>();
    let flags = any::<(bool, bool, bool)>();
    (
        (room(), text(), text(), release()),
        numbers,
        bytes(60),
        room_time(),
        option::of(room_time()),
        flags,
        btree_map(session(), seat(), 0..4),
    )
        .prop_map(
            |((room, kind, name, release), numbers, state, now, wake_at, flags, seats)| Image {
                room,
                kind,
                name,
                history: History(numbers.0),
                release,
                epoch: Epoch(numbers.1),
                seq: Seq(numbers.2),
                version: numbers.3,
                state,
                hash: numbers.4,
                now,
                clock: now + Span(u64::from(numbers.3)),
                tick: numbers.5,
                wake_at,
                between_rounds: flags.0,
                ended: flags.1,
                clean: flags.2,
                seats,
            },
        )
}

fn noted() -> impl Strategy<Value = Noted> {
    proptest::sample::select(vec![Noted::Away, Noted::Back, Noted::Leave])
}

fn seat() -> impl Strategy<Value = Seat> {
    let loss =
        (edgy(), edgy()).prop_map(|(inputs, history)| Loss { inputs, history: History(history) });
    let set_aside = vec(edgy(), 0..3).prop_map(Into::into);
    let numbers = (edgy(), 0..1_000_u64);
    let presence = (option::of(edgy().prop_map(Time)), any::<bool>());
    (secret_hash(), numbers, vec(bytes(20), 0..4), loss, set_aside, presence).prop_map(
        |(secret, (applied, before), outbox, loss, set_aside, (away_since, unheard))| Seat {
            secret,
            applied,
            event_seq: before + outbox.len() as u64,
            outbox: outbox.into(),
            loss,
            set_aside,
            away_since,
            unheard,
        },
    )
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let numbers = any::<(u64, u64, u64, u32, u64, bool, bool)>();
    let times = (room_time(), option::of(room_time()));
    let migrate = option::of(edgy().prop_map(DeployId));
    (numbers, body(), release(), times, migrate, vec(seat_change(), 0..5)).prop_map(
        |(numbers, body, release, (now, wake_at), migrate, seats)| Record {
            seq: Seq(numbers.0),
            parent_hash: numbers.1,
            hash: numbers.2,
            version: numbers.3,
            body,
            release,
            now,
            tick: numbers.4,
            wake_at,
            between_rounds: numbers.5,
            ended: numbers.6,
            migrate,
            seats,
        },
    )
}

fn seat_change() -> impl Strategy<Value = SeatChange> {
    prop_oneof![
        (session(), secret_hash())
            .prop_map(|(session, secret)| SeatChange::Joined { session, secret }),
        session().prop_map(|session| SeatChange::Left { session }),
        session().prop_map(|session| SeatChange::Heard { session }),
        (session(), edgy()).prop_map(|(session, input)| SeatChange::SetAside { session, input }),
        (session(), option::of(edgy().prop_map(Time)))
            .prop_map(|(session, away_since)| SeatChange::Presence { session, away_since }),
        (session(), edgy(), vec(bytes(20), 0..4), edgy(), edgy()).prop_map(
            |(session, applied, events, lost, kept_from)| SeatChange::Progress {
                session,
                applied,
                events,
                lost,
                kept_from,
            },
        ),
    ]
}
