#![allow(clippy::unwrap_used)]
use super::*;

const RULES: Rules = Rules {
    first_times: 4,
    first_least: 40,
    widen_times: 2,
    pause_ms: 90_000,
};

fn revision(n: u32) -> Digest {
    Digest::of(&n.to_be_bytes())
}

fn instance(n: u32) -> InstanceId {
    format!("i-{n}").parse().unwrap()
}

fn reached(wave: Wave, revision: &Digest, of: u32) -> Vec<u32> {
    (0..of)
        .filter(|n| wave.reaches(revision, &instance(*n)))
        .collect()
}

#[test]
fn a_wave_reaches_about_its_share() {
    for share in [0.01, 0.1, 0.5, 0.9] {
        let found = reached(Wave::of_share(share), &revision(1), 20_000).len() as f64;
        let wanted = share * 20_000.0;
        // Four standard deviations.
        let most = 4.0 * (wanted * (1.0 - share)).sqrt();
        assert!((found - wanted).abs() < most, "{found} of {wanted}");
        assert!((Wave::of_share(share).share() - share).abs() < 1e-9);
    }
    assert_eq!(reached(Wave::ALL, &revision(1), 100).len(), 100);
    assert_eq!(reached(Wave::of_share(0.0), &revision(1), 1_000).len(), 0);
}

#[test]
fn who_was_reached_stays_so() {
    let mut wave = Wave::of_share(0.001);
    let mut before = reached(wave, &revision(1), 5_000);
    let mut waves = 1;
    while !wave.is_all() {
        wave = wave.wider(2);
        let now = reached(wave, &revision(1), 5_000);
        assert!(before.iter().all(|n| now.contains(n)));
        before = now;
        waves += 1;
    }
    assert_eq!(before.len(), 5_000);
    assert_eq!(waves, 11);
    assert!(Wave::of_share(0.0).wider(2) > Wave::of_share(0.0));
    assert_eq!(Wave::ALL.wider(100), Wave::ALL);
}

/// Were it the same each time, the same instances would be everybody's canary.
#[test]
fn each_revision_begins_with_others() {
    let wave = Wave::of_share(0.01);
    let [one, two] = [1, 2].map(|n| reached(wave, &revision(n), 10_000));
    let both = one.iter().filter(|n| two.contains(n)).count();
    assert!(both < 10, "{both} of {} are in both", one.len());
}

#[test]
fn the_first_wave_is_four_a_place_and_never_less_than_forty() {
    let about = |places, matching| {
        let wave = Wave::first(places, matching, &RULES);
        (wave.share() * matching as f64).round() as u64
    };
    assert_eq!(about(10, 1_000_000), 40);
    assert_eq!(about(1, 1_000_000), 40);
    assert_eq!(about(500, 1_000_000), 2_000);
    assert!(Wave::first(10, 40, &RULES).is_all());
    assert!(!Wave::first(10, 41, &RULES).is_all());
    assert!(Wave::first(10_000, 40_000, &RULES).is_all());
    assert!(Wave::first(1, 0, &RULES).is_all());
}

fn standing() -> Standing {
    Standing {
        wave: Wave::of_share(0.1),
        since: Time::from_ms(0),
        places: 10,
        accepted: 3,
        reserved: 4,
        no_room: false,
        failed: 0,
        stop_error_percent: None,
    }
}

#[test]
fn it_widens_after_its_pause_while_places_are_free() {
    let next = |standing: Standing, ms| standing.next(&RULES, Time::from_ms(ms));
    assert_eq!(next(standing(), 89_999), Err(Hold::Pause));
    let wave = next(standing(), 90_000).unwrap();
    assert!((wave.share() - 0.2).abs() < 1e-9);
    let taken = Standing {
        reserved: 7,
        ..standing()
    };
    assert_eq!(next(taken, 90_000), Err(Hold::Taken));
    let no_room = Standing {
        no_room: true,
        ..standing()
    };
    assert_eq!(next(no_room, 90_000), Err(Hold::Taken));
    let all = Standing {
        wave: Wave::ALL,
        ..standing()
    };
    assert_eq!(next(all, 90_000), Err(Hold::All));
}

#[test]
fn it_does_not_widen_while_its_runs_fail() {
    let next = |accepted, failed, percent| {
        let standing = Standing {
            accepted,
            failed,
            reserved: 0,
            stop_error_percent: percent,
            ..standing()
        };
        standing.next(&RULES, Time::from_ms(90_000))
    };
    assert_eq!(next(0, 1, None), Err(Hold::Failing));
    assert_eq!(next(0, 1, Some(100)), Err(Hold::Failing));
    assert_eq!(next(1, 2, None), Err(Hold::Failing));
    assert_eq!(next(3, 1, Some(20)), Err(Hold::Failing));
    for (accepted, failed, percent) in [(1, 1, None), (0, 0, None), (4, 1, Some(20))] {
        assert!(next(accepted, failed, percent).is_ok());
    }
}

/// One odd machine among those that were offered it must not hold it for ever; a hook that fails must be held.
#[test]
fn few_failures_hold_a_wave_for_four_pauses_and_more_of_them_for_ever() {
    let next = |accepted, failed, ms| {
        let standing = Standing {
            accepted,
            failed,
            reserved: 0,
            ..standing()
        };
        standing.next(&RULES, Time::from_ms(ms))
    };
    for (accepted, failed) in [(0, 1), (0, 3), (1, 2)] {
        assert_eq!(next(accepted, failed, 359_999), Err(Hold::Failing));
        assert!(next(accepted, failed, 360_000).is_ok());
    }
    for (accepted, failed) in [(0, 4), (1, 3), (3, 6)] {
        let held = next(accepted, failed, 1_000 * 360_000);
        assert_eq!(held, Err(Hold::Failing), "{failed} failed");
    }
}

#[test]
fn what_a_sample_did_not_find_may_be_there() {
    // All were looked at.
    assert_eq!((at_most(0, 1), at_most(7, 1)), (0, 7));
    // The upper 95 % bounds of a Poisson count.
    for (found, bound) in [
        (0, 2.996),
        (1, 4.744),
        (5, 10.513),
        (20, 29.062),
        (100, 118.08),
    ] {
        let most = at_most(found, 16) as f64 / 16.0;
        assert!((bound..bound + 2.1).contains(&most), "{most} of {bound}");
    }
    assert!(!Wave::first(1, at_most(0, 16), &RULES).is_all());
    assert_eq!(at_most(u64::MAX, 16), u64::MAX);
}
