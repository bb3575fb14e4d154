%% One room: a gen_server that ticks 20 times a second. Compiled once for each version, with -DVERSION=1 and -DVERSION=2.
-module(room).
-behaviour(gen_server).
-vsn(?VERSION).
-export([start_link/1, join/2, input/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, code_change/3]).

-define(TICK_MS, 50).
-define(PAD, "................................................................................................").

-if(?VERSION =:= 1).
-record(room, {due, tick = 0, players = #{}, sockets = []}).
-else.
-record(room, {due, tick = 0, players = #{}, sockets = [], bonus = 0}).
-endif.

start_link(Name) -> gen_server:start_link({global, Name}, ?MODULE, [], []).

%% The calling process gets {view, Bytes} for every tick until it ends.
join(Room, Player) -> gen_server:call(Room, {join, Player}).

input(Room, Player) -> gen_server:cast(Room, {input, Player}).

init([]) -> {ok, wait(#room{due = erlang:monotonic_time(millisecond)})}.

handle_call({join, Player}, {Pid, _}, #room{players = Players, sockets = Sockets} = Room) ->
    monitor(process, Pid),
    Seated = maps:merge(#{Player => 0}, Players),
    {reply, ok, Room#room{players = Seated, sockets = [Pid | Sockets]}}.

handle_cast({input, Player}, #room{players = Players} = Room) ->
    Counted = maps:update_with(Player, fun(N) -> N + 1 end, Players),
    {noreply, earn(Room#room{players = Counted})}.

handle_info(tick, #room{tick = Tick, sockets = Sockets} = Room) ->
    Next = Room#room{tick = Tick + 1},
    View = view(Next),
    [Pid ! {view, View} || Pid <- Sockets],
    {noreply, wait(Next)};
handle_info({'DOWN', _, process, Pid, _}, #room{sockets = Sockets} = Room) ->
    {noreply, Room#room{sockets = lists:delete(Pid, Sockets)}}.

%% Ticks keep their rhythm: one that was late does not move those after it.
wait(#room{due = Due} = Room) ->
    erlang:send_after(Due + ?TICK_MS, self(), tick, [{abs, true}]),
    Room#room{due = Due + ?TICK_MS}.

%% OTP 25 has no JSON of its own. Names of players are plain letters and digits here.
view(#room{tick = Tick, players = Players} = Room) ->
    Counts = [io_lib:format("\"~s\":~b", [Name, N]) || {Name, N} <- maps:to_list(Players)],
    Text = ["{\"tick\":", integer_to_binary(Tick), ",\"version\":", integer_to_binary(?VERSION), ",\"players\":{",
            lists:join(",", Counts), "}", more(Room), ",\"pad\":\"", ?PAD, "\"}"],
    iolist_to_binary(Text).

-if(?VERSION =:= 1).
earn(Room) -> Room.
more(_) -> "".
code_change(_, Room, _) -> {ok, Room}.
-else.
earn(#room{bonus = Bonus} = Room) -> Room#room{bonus = Bonus + 2}.
more(#room{bonus = Bonus}) -> [",\"bonus\":", integer_to_binary(Bonus)].
%% The state of version 1 has no bonus.
code_change(1, {room, Due, Tick, Players, Sockets}, _) ->
    {ok, #room{due = Due, tick = Tick, players = Players, sockets = Sockets}}.
-endif.
