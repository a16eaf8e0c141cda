//! Certificates for tests: a private CA and servers' certificates, good and bad.
use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// A CA that signs what is asked of it.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// PEM of a certificate chain and of its key.
pub struct Certificate {
    pub chain: String,
    pub key: String,
}

impl Ca {
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "boathook test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Ok(Self {
            issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)?,
        })
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// For these host names or addresses, valid now.
    pub fn server(&self, names: &[&str]) -> Result<Certificate> {
        self.sign(Self::params(names)?)
    }

    /// As [`Self::server`], but it ended years ago.
    pub fn expired(&self, names: &[&str]) -> Result<Certificate> {
        let mut params = Self::params(names)?;
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    fn params(names: &[&str]) -> Result<CertificateParams> {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(params)
    }

    fn sign(&self, params: CertificateParams) -> Result<Certificate> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Certificate {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}
