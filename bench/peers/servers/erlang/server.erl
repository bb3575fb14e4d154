%% The Erlang server that is compared: a supervisor of rooms, a process for each socket, and the upgrade in place.
%% It says its port, then takes orders on its input: `upgrade DIR`, where DIR has the new room.beam.
-module(server).
-behaviour(supervisor).
-export([main/0, init/1]).

main() ->
    {ok, _} = supervisor:start_link({local, rooms}, ?MODULE, []),
    {ok, Listener} = gen_tcp:listen(0, [binary, {ip, {127, 0, 0, 1}}, {active, false}, {packet, http_bin},
                                        {nodelay, true}, {backlog, 1024}]),
    {ok, Port} = inet:port(Listener),
    spawn_link(fun() -> accept(Listener) end),
    io:format("{\"port\":~b}~n", [Port]),
    orders().

init([]) ->
    Room = #{id => room, start => {room, start_link, []}, restart => temporary, modules => [room]},
    {ok, {#{strategy => simple_one_for_one}, [Room]}}.

orders() ->
    case io:get_line("") of
        "upgrade " ++ Rest ->
            Rooms = upgrade(string:trim(Rest)),
            io:format("{\"upgraded\":~b}~n", [Rooms]),
            orders();
        eof -> init:stop()
    end.

%% What release_handler does for the instruction {update, room, {advanced, []}}: suspend all, load, change, resume all.
upgrade(Folder) ->
    Rooms = [Pid || {_, Pid, _, _} <- supervisor:which_children(rooms)],
    [ok = sys:suspend(Pid) || Pid <- Rooms],
    {module, room} = code:load_abs(filename:join(Folder, "room")),
    [ok = sys:change_code(Pid, room, 1, []) || Pid <- Rooms],
    [ok = sys:resume(Pid) || Pid <- Rooms],
    length(Rooms).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive go -> greet(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listener).

%% The handshake of RFC 6455, for /play/ROOM/PLAYER.
greet(Socket) ->
    {ok, {http_request, 'GET', {abs_path, Path}, _}} = gen_tcp:recv(Socket, 0),
    [<<>>, <<"play">>, Name, Player] = binary:split(Path, <<"/">>, [global]),
    Key = key(Socket, none),
    Accept = base64:encode(crypto:hash(sha, [Key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"])),
    ok = inet:setopts(Socket, [{packet, raw}]),
    ok = gen_tcp:send(Socket, ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: ", Accept, "\r\n\r\n"]),
    Room = room(Name),
    ok = room:join(Room, Player),
    serve(Socket, Room, Player, <<>>).

key(Socket, Found) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, {http_header, _, Field, _, Value}} ->
            case string:lowercase(to_binary(Field)) of
                <<"sec-websocket-key">> -> key(Socket, Value);
                _ -> key(Socket, Found)
            end;
        {ok, http_eoh} when Found =/= none -> Found
    end.

to_binary(Field) when is_atom(Field) -> atom_to_binary(Field);
to_binary(Field) -> Field.

room(Name) ->
    case supervisor:start_child(rooms, [Name]) of
        {ok, Pid} -> Pid;
        {error, {already_started, Pid}} -> Pid
    end.

serve(Socket, Room, Player, Bytes) ->
    Rest = frames(Bytes, Socket, Room, Player),
    ok = inet:setopts(Socket, [{active, once}]),
    await(Socket, Room, Player, Rest).

await(Socket, Room, Player, Rest) ->
    receive
        {tcp, Socket, More} -> serve(Socket, Room, Player, <<Rest/binary, More/binary>>);
        {tcp_closed, Socket} -> ok;
        {tcp_error, Socket, _} -> ok;
        {view, View} ->
            ok = gen_tcp:send(Socket, frame(1, View)),
            await(Socket, Room, Player, Rest)
    end.

%% Takes the whole frames off what was received. Players send short, unfragmented ones.
frames(<<1:1, _:3, Op:4, 1:1, Size:7, Mask:4/binary, Masked:Size/binary, Rest/binary>>, Socket, Room, Player)
  when Size < 126 ->
    case Op of
        1 -> room:input(Room, Player);
        8 -> exit(normal);
        9 -> ok = gen_tcp:send(Socket, frame(10, unmask(Mask, Masked)));
        10 -> ok
    end,
    frames(Rest, Socket, Room, Player);
frames(Rest, _, _, _) when byte_size(Rest) < 6 + 126 -> Rest.

unmask(Mask, Masked) ->
    Size = byte_size(Masked),
    crypto:exor(Masked, binary:part(binary:copy(Mask, Size div 4 + 1), 0, Size)).

frame(Op, Bytes) when byte_size(Bytes) < 126 -> [<<1:1, 0:3, Op:4, (byte_size(Bytes))>>, Bytes];
frame(Op, Bytes) when byte_size(Bytes) < 65536 -> [<<1:1, 0:3, Op:4, 126, (byte_size(Bytes)):16>>, Bytes].
