//! The `postgres` collector against a real server of Debian's.
use boathook_agent::child::{Run, wire::Credential};
use boathook_hooks::packet::Outcome;
use bson::{Document, doc};

use crate::{
    cluster::{Cluster, PASSWORD},
    rig::{Ran, Rig, exe, run_job},
};

/// What `user` is told; the parameters are added to those of the place.
async fn ask(cluster: &Cluster, user: &str, password: &str, more: Document) -> Ran {
    let mut params = doc! {"credential": "db", "host": "127.0.0.1", "port": i32::from(cluster.port), "database": "shop"};
    params.extend(more);
    ask_with(params, user, password, |_| ()).await
}

async fn ask_with(
    params: Document,
    user: &str,
    password: &str,
    change: impl FnOnce(&mut Rig),
) -> Ran {
    let mut rig = Rig::new().section("db", "postgres", params);
    change(&mut rig);
    let mut job = rig.job();
    job.credentials = vec![Credential {
        name: "db".into(),
        user: user.into(),
        password: password.into(),
    }];
    run_job(
        Run {
            exe: exe(),
            expected: rig.entries.clone(),
            job,
        },
        std::future::pending(),
    )
    .await
}

#[tokio::test]
async fn a_server_tells_of_itself() {
    let cluster = Cluster::shared();
    let ran = ask(cluster, "reader", PASSWORD, doc! {}).await;
    let section = ran.is("db", Outcome::Ok);
    assert!(section.text("version.csv").contains("PostgreSQL 1"));
    assert!(section.text("settings.csv").contains("\nmax_connections,"));
    assert!(section.text("databases.csv").starts_with("datid,datname,"));
    assert!(section.text("tables.csv").contains(",orders,"));
    assert!(section.text("indexes.csv").contains(",orders_pkey,"));
    assert!(
        section
            .text("locks.csv")
            .starts_with("locktype,mode,granted,")
    );
    let sizes = section.text("table_sizes.csv");
    let orders = sizes.lines().find(|l| l.contains(",orders,")).unwrap();
    assert!(
        orders.rsplit(',').next().unwrap().parse::<u64>().unwrap() > 8192,
        "{orders}"
    );
    assert!(
        section
            .text("database_sizes.csv")
            .lines()
            .any(|l| l.starts_with("shop,") && l.len() > 9)
    );
    assert!(section.files.len() >= 18, "{:?}", section.files.keys());
}

#[tokio::test]
async fn only_the_parts_that_are_asked_for_are_brought() {
    let ran = ask(
        Cluster::shared(),
        "reader",
        PASSWORD,
        doc! {"sections": ["version"]},
    )
    .await;
    assert_eq!(
        ran.is("db", Outcome::Ok).files.keys().collect::<Vec<_>>(),
        ["version.csv"]
    );
}

#[tokio::test]
async fn values_of_settings_that_may_hold_secrets_stay() {
    let ran = ask(
        Cluster::shared(),
        "reader",
        PASSWORD,
        doc! {"sections": ["settings"]},
    )
    .await;
    let section = ran.is("db", Outcome::Ok);
    for file in ["settings.csv", "settings_by_role_and_database.csv"] {
        assert!(
            !section.text(file).contains("hidden-in"),
            "{}",
            section.text(file)
        );
    }
    assert!(
        section
            .text("settings.csv")
            .contains("\narchive_command,[left out],")
    );
    assert!(
        section
            .text("settings_by_role_and_database.csv")
            .contains("app.api_key,[left out],")
    );
    section.says("values of settings that may hold secrets");
}

#[tokio::test]
async fn the_texts_of_running_queries_are_not_sent() {
    let cluster = Cluster::shared();
    let mut busy = cluster.psql("SELECT 'data-of-people', pg_sleep(20)");
    busy.stdout(std::process::Stdio::null());
    let mut busy = busy.spawn().unwrap();
    let ran = ask(cluster, "reader", PASSWORD, doc! {"sections": ["activity"]}).await;
    let _ = busy.kill();
    busy.wait().unwrap();
    let section = ran.is("db", Outcome::Ok);
    assert!(
        section
            .files
            .values()
            .all(|f| !String::from_utf8_lossy(f).contains("data-of-people"))
    );
    section.says("the texts of running queries");
}

#[tokio::test]
async fn a_superuser_and_who_may_become_one_are_refused() {
    for user in ["postgres", "climber"] {
        let ran = ask(Cluster::shared(), user, PASSWORD, doc! {}).await;
        let section = ran.is("db", Outcome::DeniedByPolicy);
        section.says("superuser");
        assert!(section.files.is_empty());
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it() {
    let ran = ask(Cluster::shared(), "reader", "not-the-password", doc! {}).await;
    let section = ran.is("db", Outcome::DeniedBySystem);
    section.says("password authentication failed");
    assert!(!section.end.reason.contains("not-the-password"));
}

#[tokio::test]
async fn a_user_without_rights_gets_what_everyone_may_see() {
    let ran = ask(Cluster::shared(), "nobody", PASSWORD, doc! {}).await;
    let section = ran.is("db", Outcome::Ok);
    assert!(section.text("tables.csv").contains(",orders,"));
    let sizes = section.text("database_sizes.csv");
    assert!(
        sizes.contains("closed,\n"),
        "the size of a database that it may not enter is not asked for: {sizes}"
    );
}

#[tokio::test]
async fn rows_beyond_the_most_are_left_out_and_said() {
    let ran = ask(
        Cluster::shared(),
        "reader",
        PASSWORD,
        doc! {"sections": ["settings"], "rows": 5},
    )
    .await;
    let section = ran.is("db", Outcome::Truncated);
    assert_eq!(section.text("settings.csv").lines().count(), 6);
    section.says("rows beyond 5");
}

#[tokio::test]
async fn a_query_that_waits_for_a_lock_is_given_up_and_the_rest_is_brought() {
    let cluster = Cluster::start();
    let mut holder = cluster.psql(
        "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT 'locked'; SELECT pg_sleep(30)",
    );
    let mut holder = holder.stdout(std::process::Stdio::null()).spawn().unwrap();
    cluster.wait_for(
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted",
        "1",
    );
    let ran = ask(
        &cluster,
        "reader",
        PASSWORD,
        doc! {"sections": ["version", "sizes"]},
    )
    .await;
    let _ = holder.kill();
    holder.wait().unwrap();
    let section = ran.is("db", Outcome::Truncated);
    section.says("lock timeout");
    assert!(
        section.files.contains_key("database_sizes.csv")
            && section.files.contains_key("version.csv")
    );
}

#[tokio::test]
async fn a_unix_socket_is_asked_where_the_policy_grants_its_directory() {
    let cluster = Cluster::shared();
    let dir = cluster.path().display().to_string();
    let params = doc! {"credential": "db", "socket_dir": &dir, "port": i32::from(cluster.port), "database": "shop", "sections": ["version"]};
    ask_with(params.clone(), "reader", PASSWORD, |_| ())
        .await
        .is("db", Outcome::DeniedByPolicy)
        .says("grants no directory");
    let ran = ask_with(params, "reader", PASSWORD, |rig| {
        rig.grants.directories.push(dir.into())
    })
    .await;
    ran.is("db", Outcome::Ok);
}

#[tokio::test]
async fn nobody_there_no_credential_and_another_host_are_told_apart() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let at = |host: &str, credential: &str| doc! {"credential": credential, "host": host, "port": i32::from(free)};
    let ran = ask_with(at("127.0.0.1", "db"), "reader", PASSWORD, |_| ()).await;
    ran.is("db", Outcome::Failed).says("connection refused");
    let ran = ask_with(at("127.0.0.1", "other"), "reader", PASSWORD, |_| ()).await;
    ran.is("db", Outcome::DeniedByPolicy)
        .says("no credential \"other\"");
    let ran = ask_with(at("192.0.2.1", "db"), "reader", PASSWORD, |_| ()).await;
    ran.is("db", Outcome::DeniedByPolicy)
        .says("does not allow the host 192.0.2.1");
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_ends_in_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let params =
        doc! {"credential": "db", "port": i32::from(listener.local_addr().unwrap().port())};
    let mut rig = Rig::new()
        .section("db", "postgres", params)
        .within(2, 1 << 20);
    rig.run_ms = 10_000;
    let mut job = rig.job();
    job.credentials = vec![Credential {
        name: "db".into(),
        user: "u".into(),
        password: "p".into(),
    }];
    let ran = run_job(
        Run {
            exe: exe(),
            expected: rig.entries.clone(),
            job,
        },
        std::future::pending(),
    )
    .await;
    ran.is("db", Outcome::TimedOut);
    assert!(
        ran.took < std::time::Duration::from_secs(15),
        "{:?}",
        ran.took
    );
}

#[tokio::test]
async fn a_server_that_asks_for_the_bare_password_does_not_get_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || ask_for_the_password(listener.accept().unwrap().0));
    let params = doc! {"credential": "db", "port": i32::from(port)};
    let ran = ask_with(params, "reader", PASSWORD, |_| ()).await;
    ran.is("db", Outcome::Failed).says("in the clear");
    assert_unheard(&heard.join().unwrap());
}

#[tokio::test]
async fn a_socket_that_asks_for_the_bare_password_does_not_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let listener =
        std::os::unix::net::UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
    let heard = std::thread::spawn(move || ask_for_the_password(listener.accept().unwrap().0));
    let params = doc! {"credential": "db", "socket_dir": dir.path().display().to_string()};
    let ran = ask_with(params, "reader", PASSWORD, |rig| {
        rig.grants.directories.push(dir.path().into())
    })
    .await;
    ran.is("db", Outcome::Failed).says("in the clear");
    assert_unheard(&heard.join().unwrap());
}

#[tokio::test]
async fn a_socket_where_everyone_may_make_one_is_not_even_connected_to() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let everyones = std::fs::Permissions::from_mode(0o1777);
    std::fs::set_permissions(dir.path(), everyones).unwrap();
    let listener =
        std::os::unix::net::UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let params = doc! {"credential": "db", "socket_dir": dir.path().display().to_string()};
    let ran = ask_with(params, "reader", PASSWORD, |rig| {
        rig.grants.directories.push(dir.path().into())
    })
    .await;
    ran.is("db", Outcome::DeniedByPolicy)
        .says("may be written by everyone");
    assert!(listener.accept().is_err());
}

/// As a server that wants it in the clear; what it is told then.
fn ask_for_the_password(mut stream: impl std::io::Read + std::io::Write) -> Vec<u8> {
    let mut start = [0; 4];
    stream.read_exact(&mut start).unwrap();
    let mut rest = vec![0; u32::from_be_bytes(start) as usize - 4];
    stream.read_exact(&mut rest).unwrap();
    stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    heard
}

fn assert_unheard(heard: &[u8]) {
    assert!(
        !String::from_utf8_lossy(heard).contains(PASSWORD),
        "{heard:?}"
    );
}
