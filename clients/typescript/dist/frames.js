import { MODES, ROOM_BYTES, SERVER_FRAMES_MAX, SKIPPABLE, TO_CLIENT, TO_SERVER, TOKEN_BYTES, } from './constants.js';
import { FrameError } from './frame-error.js';
import { Reader } from './reader.js';
import { Writer } from './writer.js';
/** The frame that opens a socket. */
export function encodeHello(hello) {
    return new Writer()
        .int(hello.protoMin)
        .int(hello.protoMax)
        .int((hello.watch ? 1 : 0) | (hello.whole ? 2 : 0) | (hello.deltas ? 4 : 0))
        .bytes(hello.token)
        .bytes(hello.room)
        .string(hello.kind)
        .string(hello.name)
        .bytes(hello.profile)
        .bytes(hello.params)
        .int(hello.history)
        .int(hello.generation)
        .int(hello.recv)
        .int(hello.lo)
        .frame(TO_SERVER.hello);
}
/** Input number `seq`, and the last event taken in. */
export function encodeInput(seq, recv, payload) {
    return new Writer().int(seq).int(recv).rest(payload).frame(TO_SERVER.input);
}
/** Events up to `recv` are taken in. */
export function encodeAck(recv) {
    return new Writer().int(recv).frame(TO_SERVER.ack);
}
/** The player gives the seat up. */
export function encodeBye() {
    return new Writer().frame(TO_SERVER.bye);
}
/** The answer to a ping. */
export function encodePong(nonce) {
    return new Writer().int(nonce).frame(TO_SERVER.pong);
}
/**
 * The frames of one message, without those of later versions that may be skipped.
 * Throws a `FrameError` if it is not made of whole, known frames; then none of it counts.
 */
export function decodeFrames(message) {
    const reader = new Reader(message);
    if (reader.done)
        throw new FrameError('a message is empty');
    const frames = [];
    for (let count = 0; !reader.done; count += 1) {
        if (count === SERVER_FRAMES_MAX)
            throw new FrameError(`a message has more than ${SERVER_FRAMES_MAX} frames`);
        const type = reader.byte();
        const body = new Reader(reader.bytes());
        if ((type & SKIPPABLE) === 0)
            frames.push(decodeFrame(type, body));
    }
    return frames;
}
function decodeFrame(type, body) {
    switch (type) {
        case TO_CLIENT.welcome:
            return decodeWelcome(body);
        case TO_CLIENT.event:
            return { type: 'event', seq: body.int(), payload: body.rest() };
        case TO_CLIENT.view:
            return { type: 'view', asOf: body.int(), base: body.int(), payload: body.rest() };
        case TO_CLIENT.now:
            return { type: 'now', payload: body.rest() };
        case TO_CLIENT.ack:
            return whole(body, { type: 'ack', applied: body.int() });
        case TO_CLIENT.ping:
            return whole(body, { type: 'ping', nonce: body.int() });
        case TO_CLIENT.move:
            return decodeMove(body);
        case TO_CLIENT.setAside:
            return { type: 'setAside', code: body.int(), inputs: body.ints() };
        default:
            throw new FrameError(`unknown frame type 0x${type.toString(16)}`);
    }
}
function decodeWelcome(body) {
    const proto = body.int();
    const mode = MODES[body.int()];
    const codec = body.int();
    const token = body.bytes();
    const room = body.bytes();
    if (mode === undefined)
        throw new FrameError('unknown mode');
    if (token.length !== 0 && token.length !== TOKEN_BYTES)
        throw new FrameError('a token of a wrong length');
    if (room.length !== ROOM_BYTES)
        throw new FrameError('a room id of a wrong length');
    return whole(body, {
        type: 'welcome',
        proto,
        mode,
        codec,
        token: token.slice(),
        room: room.slice(),
        history: body.int(),
        generation: body.int(),
        inNext: body.int(),
        eventSeq: body.int(),
        lost: body.int(),
        ttlMs: body.limit(),
        pingMs: body.limit(),
        inputBytesMax: body.limit(),
        inputsPendingMax: body.limit(),
        framesPerSecond: body.limit(),
        bytesPerSecond: body.limit(),
        release: body.string(),
    });
}
function decodeMove(body) {
    return whole(body, {
        type: 'move',
        url: body.string(),
        ticket: body.bytes().slice(),
        windowMs: body.limit(),
        deadlineMs: body.limit(),
    });
}
function whole(body, frame) {
    if (!body.done)
        throw new FrameError('a frame is longer than its fields');
    return frame;
}
