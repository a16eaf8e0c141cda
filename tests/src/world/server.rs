//! A `boathook-server` process with its own directory, certificates and ports; killed and started again at will.
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use boathook_hooks::keys::PublicKey;

use super::process::{Process, binary, free_port, run};
use crate::{
    api::{self, Api},
    tls::{Ca, Certificate},
};

pub struct Server {
    pub dir: PathBuf,
    pub config: PathBuf,
    pub origin: String,
    pub ops: String,
    /// PEM that clients trust.
    pub ca: String,
    pub online: PublicKey,
    pub place: Place,
    process: Option<Process>,
}

/// Where a server listens. Servers behind one load balancer share the origin, so its port: each has an address of its own.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub ip: Ipv4Addr,
    /// Of the origin and of the listener.
    pub port: u16,
    /// Of the ops listener.
    pub ops: u16,
}

impl Place {
    /// On 127.0.0.1 with ports that are free.
    pub fn free() -> Result<Self> {
        Ok(Self {
            ip: Ipv4Addr::LOCALHOST,
            port: free_port()?,
            ops: free_port()?,
        })
    }
}

/// What a test wants to be different.
pub struct Settings<'a> {
    /// More lines for the config file's sections, such as `[agents]\nlease_seconds = 2`.
    pub config: &'a str,
    /// Lines before its sections, such as `store = "cql://…"`.
    pub top: &'a str,
    /// Where it listens, if not anywhere.
    pub place: Option<Place>,
    /// The host in the origin and in the certificate.
    pub host: &'a str,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            config: "",
            top: "",
            place: None,
            host: "localhost",
        }
    }
}

impl Server {
    /// Config, certificate by `ca`, keys and store in `dir`; not started yet.
    pub fn prepare(dir: &Path, ca: &Ca, settings: &Settings<'_>) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        Self::write_certificate(dir, &ca.server(&[settings.host])?)?;
        std::fs::write(dir.join("ca.pem"), ca.pem())?;
        let place = match settings.place {
            Some(place) => place,
            None => Place::free()?,
        };
        let Place { ip, port, ops } = place;
        let origin = format!("https://{}:{port}", settings.host);
        let text = format!(
            "data_dir = \"data\"\norigin = \"{origin}\"\nlisten = \"{ip}:{port}\"\n{}\n\
             [tls]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\nca = \"ca.pem\"\n\
             [ops]\nlisten = \"127.0.0.1:{ops}\"\n{}\n",
            settings.top, settings.config
        );
        let config = dir.join("boathook-server.toml");
        std::fs::write(&config, text)?;
        let mut server = Self {
            dir: dir.to_owned(),
            config,
            origin,
            ops: format!("http://127.0.0.1:{ops}"),
            ca: ca.pem(),
            online: PublicKey([0; 32]),
            place,
            process: None,
        };
        let made: serde_json::Value =
            serde_json::from_str(&server.command(&["init", "--json"], "")?)?;
        server.online = made["online_key"]
            .as_str()
            .unwrap_or_default()
            .parse()
            .map_err(anyhow::Error::msg)?;
        Ok(server)
    }

    /// Another server of the same origin in a directory of its own, with this one's certificate; `top` and `sections` go into its
    /// config. It has no keys of its own and is not started.
    pub fn beside(&self, dir: &Path, top: &str, sections: &str) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        for file in ["tls.crt", "tls.key", "ca.pem"] {
            std::fs::copy(self.dir.join(file), dir.join(file))?;
        }
        let (Place { ip, port, ops }, origin) = (self.place, &self.origin);
        let text = format!(
            "data_dir = \"data\"\norigin = \"{origin}\"\nlisten = \"{ip}:{port}\"\n{top}\n\
             [tls]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\nca = \"ca.pem\"\n\
             [ops]\nlisten = \"127.0.0.1:{ops}\"\n{sections}\n"
        );
        let config = dir.join("boathook-server.toml");
        std::fs::write(&config, text)?;
        Ok(Self {
            dir: dir.to_owned(),
            config,
            origin: self.origin.clone(),
            ops: self.ops.clone(),
            ca: self.ca.clone(),
            online: self.online,
            place: self.place,
            process: None,
        })
    }

    pub fn write_certificate(dir: &Path, certificate: &Certificate) -> Result<()> {
        std::fs::write(dir.join("tls.crt"), &certificate.chain)?;
        std::fs::write(dir.join("tls.key"), &certificate.key)?;
        std::fs::set_permissions(
            dir.join("tls.key"),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )?;
        Ok(())
    }

    /// A client that comes to this very server, whatever else answers for its origin. It trusts only the CA.
    pub fn http(&self) -> Result<reqwest::Client> {
        let host = self.origin.trim_start_matches("https://");
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        // The port is the origin's.
        let address = SocketAddr::new(IpAddr::V4(self.place.ip), 0);
        Ok(api::client(&self.ca)?.resolve(host, address).build()?)
    }

    /// Signs in with the password of the tests' people, at this very server.
    pub async fn sign_in(&self, person: &str) -> Result<Api> {
        let api = Api::new(&self.origin, self.http()?);
        api.sign_in(person, super::PASSWORD).await
    }

    /// A command of `boathook-server` on this installation; works while the server runs, too.
    pub fn command(&self, args: &[&str], stdin: &str) -> Result<String> {
        run(
            Command::new(binary("boathook-server")?)
                .arg("--config")
                .arg(&self.config)
                .args(args),
            stdin,
        )
    }

    /// Starts and waits until it is ready.
    pub async fn start(&mut self) -> Result<()> {
        let mut command = Command::new(binary("boathook-server")?);
        command.arg("--config").arg(&self.config).arg("serve");
        let mut process = Process::start(&mut command, &self.dir.join("server.log"))?;
        let until = Instant::now() + Duration::from_secs(30);
        let ready = format!("{}/readyz", self.ops);
        crate::provider();
        let http = reqwest::Client::builder().no_proxy().build()?;
        while Instant::now() < until {
            if http
                .get(&ready)
                .send()
                .await
                .is_ok_and(|r| r.status().is_success())
            {
                self.process = Some(process);
                return Ok(());
            }
            if let Some(status) = process.ended()? {
                bail!("the server ended with {status}: {}", process.log());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("the server was not ready within 30 s: {}", process.log())
    }

    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut p| p.kill())
    }

    pub fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        let status = process.stop()?;
        anyhow::ensure!(
            status.success(),
            "the server ended with {status}: {}",
            process.log()
        );
        Ok(())
    }

    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("server.log")).unwrap_or_default()
    }

    pub async fn metrics(&self) -> Result<String> {
        Ok(reqwest::get(format!("{}/metrics", self.ops))
            .await?
            .text()
            .await?)
    }
}
