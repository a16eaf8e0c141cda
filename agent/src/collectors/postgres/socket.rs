//! Whose a Unix socket is: it is asked only where nobody but its owner and root could have put another in its place.
use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use boathook_hooks::collectors::postgres::SOCKETS;

use super::connect::Place;
use crate::{child::out::Stop, policy::grants::Grants};

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;

/// The socket of `port` in `dir`: one of the system's own directories, or beneath one that the policy grants.
pub fn socket(dir: &str, port: u16, grants: &Grants) -> Result<Place, Stop> {
    let failed =
        |error: io::Error| Stop::system(&format!("looking for the socket directory {dir}"), &error);
    let (real, top) = granted(dir, grants).map_err(failed)?;
    let Some(top) = top else {
        return Err(Stop::DeniedByPolicy(not_granted(dir)));
    };
    let path = real.join(format!(".s.PGSQL.{port}"));
    let about = |path: &Path| {
        let found = fs::symlink_metadata(path);
        found.map_err(|error| Stop::system(&format!("connecting to {}", path.display()), &error))
    };
    let socket = about(&path)?;
    if !socket.file_type().is_socket() {
        return Err(denied(&path, "is no socket"));
    }
    check(&real, &about(&real)?, socket.uid(), true)?;
    for above in real.ancestors().skip(1).take_while(|a| a.starts_with(&top)) {
        check(above, &about(above)?, socket.uid(), false)?;
    }
    Ok(Place::Socket {
        path,
        owner: socket.uid(),
    })
}

/// Why the policy refuses the sockets of `dir`; none when it does not, or when the directory cannot be looked at.
pub fn refusal(dir: &str, grants: &Grants) -> Option<String> {
    let (_, top) = granted(dir, grants).ok()?;
    top.is_none().then(|| not_granted(dir))
}

fn not_granted(dir: &str) -> String {
    format!("the policy grants no directory that holds the socket directory {dir}")
}

/// Where `dir` really is, and up to where who may write is looked at; none of that when the policy does not grant it.
fn granted(dir: &str, grants: &Grants) -> io::Result<(PathBuf, Option<PathBuf>)> {
    // Resolved first, so that no link leads out of what is granted.
    let real = fs::canonicalize(dir)?;
    let own = SOCKETS.iter().filter_map(|own| fs::canonicalize(own).ok());
    let granted = (grants.directories.iter())
        .filter_map(|granted| fs::canonicalize(granted).ok())
        .filter(|granted| real.starts_with(granted))
        .max_by_key(|granted| granted.components().count());
    // Of what the policy grants its administrator knows who may write above it (a temporary directory of a test lies
    // in /tmp, which is everyone's); what lies beneath is looked at up to there. Of the system's own, up to the root.
    let top = granted.or_else(|| {
        let is_own = own.into_iter().any(|own| own == real);
        is_own.then(|| PathBuf::from("/"))
    });
    Ok((real, top))
}

/// Sticky directories that everyone may write are no exception: whoever comes first has the name while the server is
/// down.
///
/// The socket's own directory may be written by its group (Debian's /run/postgresql is) if it has the socket's owner:
/// another member's socket would be that member's, and so not the directory's owner's. Above it that does not hold,
/// for a member could put a whole directory of theirs in its place.
fn check(dir: &Path, about: &Metadata, owner: u32, is_sockets: bool) -> Result<(), Stop> {
    let mode = about.mode();
    if mode & OTHERS_WRITE != 0 {
        return Err(denied(
            dir,
            "may be written by everyone, so that anyone could have made this socket",
        ));
    }
    if about.uid() != 0 && about.uid() != owner {
        return Err(denied(
            dir,
            "belongs neither to root nor to the socket's owner, so that another could have made this socket",
        ));
    }
    let groups_is_safe = about.gid() == 0 || (is_sockets && about.uid() == owner);
    if mode & GROUP_WRITES != 0 && !groups_is_safe {
        return Err(denied(
            dir,
            "may be written by a group, whose members could have made this socket",
        ));
    }
    Ok(())
}

fn denied(path: &Path, why: &str) -> Stop {
    Stop::DeniedByPolicy(format!("{} {why}", path.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::{
        fs::{PermissionsExt, chown, symlink},
        net::UnixListener,
    };

    use tempfile::TempDir;

    use super::*;

    /// A directory that holds `at`, in which a socket listens.
    fn listening(at: &str) -> (TempDir, PathBuf, UnixListener) {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join(at);
        fs::create_dir_all(&inner).unwrap();
        let listener = UnixListener::bind(inner.join(".s.PGSQL.5432")).unwrap();
        (dir, inner, listener)
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn ask(dir: &Path, granted: &[&Path]) -> Result<Place, Stop> {
        let grants = Grants {
            directories: granted.iter().map(|d| d.to_path_buf()).collect(),
            ..Grants::default()
        };
        socket(dir.to_str().unwrap(), 5432, &grants)
    }

    fn refused(dir: &Path, granted: &[&Path], words: &str) {
        match ask(dir, granted) {
            Err(Stop::DeniedByPolicy(why)) => assert!(why.contains(words), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_socket_is_granted_wherever_links_lead() {
        let (dir, inner, _listener) = listening("pg");
        refused(&inner, &[], "grants no directory");
        assert!(ask(&inner, &[dir.path()]).is_ok());
        let (_other, elsewhere, _listener) = listening("pg");
        symlink(&elsewhere, dir.path().join("link")).unwrap();
        refused(
            &dir.path().join("link"),
            &[dir.path()],
            "grants no directory",
        );
        assert!(matches!(
            ask(Path::new("/run/no-such-place"), &[]),
            Err(Stop::Failed(_))
        ));
    }

    #[test]
    fn other_directories_in_run_are_nobodys_without_a_grant() {
        for dir in ["/run", "/var/run", "/run/lock", "/run/user"] {
            if Path::new(dir).exists() {
                refused(Path::new(dir), &[], "grants no directory");
            }
        }
    }

    #[test]
    fn a_directory_that_everyone_may_write_is_refused_sticky_or_granted_as_it_may_be() {
        let (_dir, inner, _listener) = listening("pg");
        for bits in [0o777, 0o1777] {
            mode(&inner, bits);
            refused(&inner, &[&inner], "written by everyone");
        }
        mode(&inner, 0o755);
        assert!(ask(&inner, &[&inner]).is_ok());
    }

    #[test]
    fn above_the_socket_all_is_looked_at_up_to_what_is_granted() {
        let (dir, inner, _listener) = listening("a/pg");
        mode(&dir.path().join("a"), 0o1777);
        refused(&inner, &[dir.path()], "written by everyone");
        assert!(
            ask(&inner, &[&inner]).is_ok(),
            "the administrator granted this one"
        );
    }

    #[test]
    fn what_is_no_socket_is_refused() {
        let (_dir, inner, _listener) = listening("pg");
        fs::rename(inner.join(".s.PGSQL.5432"), inner.join("real")).unwrap();
        symlink(inner.join("real"), inner.join(".s.PGSQL.5432")).unwrap();
        refused(&inner, &[&inner], "is no socket");
    }

    #[test]
    fn the_directory_is_roots_or_the_sockets_owners_and_its_group_cannot_make_one() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let (dir, inner, _listener) = listening("a/pg");
        let own = |path: &Path, uid, gid| chown(path, Some(uid), Some(gid)).unwrap();
        let socket = inner.join(".s.PGSQL.5432");
        own(&inner, 4242, 4242);
        refused(&inner, &[&inner], "neither to root nor to the socket's");
        // As Debian has it.
        own(&socket, 4242, 4242);
        mode(&inner, 0o2775);
        assert!(ask(&inner, &[&inner]).is_ok());
        // Another member's socket.
        own(&socket, 4343, 4242);
        refused(&inner, &[&inner], "neither to root nor to the socket's");
        own(&inner, 0, 4242);
        mode(&inner, 0o775);
        refused(&inner, &[&inner], "written by a group");
        // Above it a group is never harmless.
        own(&inner, 4343, 4343);
        mode(&inner, 0o755);
        let above = dir.path().join("a");
        own(&above, 4343, 4242);
        mode(&above, 0o775);
        refused(&inner, &[dir.path()], "written by a group");
    }
}
