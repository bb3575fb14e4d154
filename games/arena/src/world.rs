//! Everything in one room, and one step of it.

use playon::{PlayerId, Rng};

use crate::event::Event;
use crate::pilot::{self, NAMES, Pilot};
use crate::point::Point;
use crate::round::{Place, Round};
use crate::rules::{
    ARENA, COMET_STEPS, HARD_BUMP, HZ, Rules, SHIP_SIZE, SHIPS_MAX, SHIPS_WANTED, STARS_BASE,
    STARS_MAX,
};
use crate::ship::Ship;
use crate::star::{Make, Star, anywhere};

/// Colours of ships as hues in degrees, taken in this order.
const HUES: [u16; SHIPS_MAX] = [212, 338, 150, 272, 14, 96, 305, 58];

/// Characters of a name that are kept.
const NAME_CHARS_MAX: usize = 12;

/// A point in the room's time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Steps since the room was made.
    pub tick: u64,
    /// Room time in milliseconds.
    pub ms: u64,
}

/// The world of one room.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The id of the last ship or star made.
    pub last_id: u32,
    /// The round.
    pub round: Round,
    /// Ships in order of arrival, at most [`SHIPS_MAX`].
    pub ships: Vec<Ship>,
    /// Stars and comets in order of arrival, at most [`STARS_MAX`].
    pub stars: Vec<Star>,
}

impl World {
    /// A world in which the first round begins at `now_ms` of room time.
    pub fn new(round_ms: u64, now_ms: u64, rng: &mut Rng) -> Self {
        let round = Round::first(round_ms, now_ms);
        let mut world = Self { last_id: 0, round, ships: Vec::new(), stars: Vec::new() };
        while world.ships.len() < SHIPS_WANTED {
            world.add_machine(rng);
        }
        world.fill_sky(rng);
        world
    }

    /// Gives a player a ship; a machine makes place. False if there is no place.
    pub fn join(&mut self, id: PlayerId, name: &str, rng: &mut Rng) -> bool {
        if self.ships.len() >= SHIPS_WANTED {
            self.dismiss_machine();
        }
        if self.ships.len() >= SHIPS_MAX {
            return false;
        }
        let name = self.free_name(name);
        self.add_ship(Pilot::Player { id, away: false }, name, rng);
        true
    }

    /// Takes a player's ship away.
    pub fn leave(&mut self, id: PlayerId) {
        self.ships.retain(|ship| ship.pilot.player() != Some(id));
    }

    /// Notes whether the player has a socket. Without one the ship drifts.
    pub fn set_away(&mut self, id: PlayerId, away: bool) {
        if let Some(ship) = self.ship_mut(id) {
            ship.pilot = Pilot::Player { id, away };
            ship.steer = Default::default();
        }
    }

    /// The player's ship.
    pub fn ship(&self, id: PlayerId) -> Option<&Ship> {
        self.ships.iter().find(|ship| ship.pilot.player() == Some(id))
    }

    /// The player's ship, to be told something.
    pub fn ship_mut(&mut self, id: PlayerId) -> Option<&mut Ship> {
        self.ships.iter_mut().find(|ship| ship.pilot.player() == Some(id))
    }

    /// One step of the whole world. What happened is added to `news`.
    pub fn step(&mut self, rules: &Rules, at: Moment, rng: &mut Rng, news: &mut Vec<Event>) {
        self.turn_round(at.ms, rng, news);
        for ship in &mut self.ships {
            pilot::steer(ship, &self.stars, rng);
            ship.fly(rules.dash());
        }
        self.bump(rng, news);
        self.stars.iter_mut().for_each(Star::drift);
        self.stars.retain(|star| !star.is_gone());
        self.catch(news);
        self.fill_sky(rng);
        if rules.comets && rng.range(0..COMET_STEPS) == 0 {
            self.add_star(Star::comet, rng);
        }
        if at.tick.is_multiple_of(u64::from(HZ)) && self.ships.len() < SHIPS_WANTED {
            self.add_machine(rng);
        }
    }

    /// The three best, best first; who came earlier wins a tie.
    pub fn places(&self) -> Vec<Place> {
        let mut ships: Vec<&Ship> = self.ships.iter().collect();
        ships.sort_by_key(|ship| std::cmp::Reverse(ship.score));
        let place =
            |ship: &Ship| Place { name: ship.name.clone(), score: ship.score, hue: ship.hue };
        ships.into_iter().take(3).map(place).collect()
    }

    fn turn_round(&mut self, now_ms: u64, rng: &mut Rng, news: &mut Vec<Event>) {
        if !self.round.is_over(now_ms) {
            return;
        }
        if self.round.is_on() {
            self.round.finish(self.places());
            news.push(Event::say("Time!"));
            return;
        }
        self.round.next();
        self.stars.clear();
        self.fill_sky(rng);
        let count = self.ships.len();
        for (slot, ship) in self.ships.iter_mut().enumerate() {
            ship.line_up(starting_place(slot, count));
        }
        news.push(Event::say(&format!("Round {}", self.round.number)));
    }

    fn bump(&mut self, rng: &mut Rng, news: &mut Vec<Event>) {
        let mut spilled = Vec::new();
        for first in 1..self.ships.len() {
            let (before, after) = self.ships.split_at_mut(first);
            let ship = &mut after[0];
            for other in before {
                let speeds = (ship.speed.len(), other.speed.len());
                let Some(force) = ship.bump(other) else { continue };
                if force < HARD_BUMP {
                    continue;
                }
                // The slower one was rammed: its chain breaks and it loses a star to whoever is quick.
                let rammed = if speeds.0 < speeds.1 { &mut *ship } else { other };
                rammed.chain = Default::default();
                spilled.push(rammed.at);
                news.push(Event::pop(rammed.at, rammed.hue, ""));
            }
        }
        for at in spilled {
            self.add_star(|id, rng| Star::spill(id, at, rng), rng);
        }
    }

    fn catch(&mut self, news: &mut Vec<Event>) {
        // On the podium they fly on and catch for the fun of it.
        let counts = self.round.is_on();
        let ships = &mut self.ships;
        self.stars.retain(|star| {
            let reach = SHIP_SIZE + star.make.size() + 8.0;
            let near = |ship: &&mut Ship| ship.at.distance(star.at) < reach;
            let Some(ship) = ships.iter_mut().find(near) else { return true };
            let mut text = "\u{2726}".to_owned();
            if counts {
                let points = star.make.worth() * ship.chain.factor();
                ship.score += points;
                ship.chain.catch();
                text = format!("+{points}");
            }
            news.push(Event::pop(star.at, star.make.hue(), &text));
            false
        });
    }

    fn fill_sky(&mut self, rng: &mut Rng) {
        let wanted = STARS_BASE + self.ships.len();
        let stars = self.stars.iter().filter(|star| star.make == Make::Star).count();
        // One star a step at most once the game is on, so that they fall one after the other.
        let missing = wanted.saturating_sub(stars);
        let begins = self.stars.is_empty();
        for _ in 0..if begins { missing } else { missing.min(1) } {
            self.add_star(Star::fall, rng);
        }
    }

    fn add_star(&mut self, make: impl FnOnce(u32, &mut Rng) -> Star, rng: &mut Rng) {
        if self.stars.len() < STARS_MAX {
            self.last_id += 1;
            self.stars.push(make(self.last_id, rng));
        }
    }

    fn add_machine(&mut self, rng: &mut Rng) {
        let taken = |name: &&str| self.ships.iter().any(|ship| ship.name == **name);
        let name = NAMES.iter().find(|name| !taken(name)).unwrap_or(&NAMES[0]);
        self.add_ship(Pilot::machine(), (*name).to_owned(), rng);
    }

    fn dismiss_machine(&mut self) {
        let machines = self.ships.iter().filter(|ship| ship.pilot.player().is_none());
        let Some(last) = machines.min_by_key(|ship| ship.score).map(|ship| ship.id) else { return };
        self.ships.retain(|ship| ship.id != last);
    }

    fn add_ship(&mut self, pilot: Pilot, name: String, rng: &mut Rng) {
        let taken = |hue: &&u16| self.ships.iter().any(|ship| ship.hue == **hue);
        let hue = *HUES.iter().find(|hue| !taken(hue)).unwrap_or(&HUES[0]);
        let at = anywhere(rng) * (0.7 * ARENA);
        self.last_id += 1;
        self.ships.push(Ship::new(self.last_id, pilot, name, hue, at));
    }

    /// A short printable name that no other ship carries.
    fn free_name(&self, wish: &str) -> String {
        let plain = wish.trim().chars().filter(|c| !c.is_control() && !"\"\\".contains(*c));
        let mut name: String = plain.take(NAME_CHARS_MAX).collect();
        if name.is_empty() {
            name.push_str("Pilot");
        }
        let taken = |name: &str| self.ships.iter().any(|ship| ship.name == name);
        let numbered = |n: usize| if n < 2 { name.clone() } else { format!("{name} {n}") };
        (1..=SHIPS_MAX).map(numbered).find(|name| !taken(name)).unwrap_or(name)
    }
}

/// Where ship `slot` of `count` begins a round: on a ring, as far apart as they can be.
fn starting_place(slot: usize, count: usize) -> Point {
    // Turns by the complex number of 1/8 of a circle per slot, which needs no sine; fewer ships use every other one.
    let eighth = std::f32::consts::FRAC_1_SQRT_2;
    let turns = if count <= SHIPS_MAX / 2 { 2 * slot } else { slot };
    let mut way = Point::new(0.0, -1.0);
    for _ in 0..turns % 8 {
        way = Point::new(eighth * (way.x - way.y), eighth * (way.x + way.y));
    }
    way * (0.62 * ARENA)
}
