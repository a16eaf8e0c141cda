//! Speaking with the provider: what it is, by discovery; a code for a token; the token's proof.
use std::{
    sync::{Arc, OnceLock, RwLock},
    time::Duration,
};

use boathook_hooks::time::{MINUTE, Time};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthType, AuthorizationCode, ClaimsVerificationError,
    ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod,
        CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CALLBACK, refusal};
use crate::{
    app::App,
    errors::{Answer, Problem},
    keys::read_secret,
    tls,
};

/// How long what the provider says of itself, its keys included, counts without asking again.
const KNOWN_FOR: i64 = 5 * MINUTE;
/// Largest answer of a provider, in bytes.
const MOST: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

/// Claims beyond the standard ones, such as groups.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct More(Map<String, Value>);
impl AdditionalClaims for More {}

type Fields = IdTokenFields<
    More,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
pub type Client = openidconnect::Client<
    More,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What this server keeps of the provider. Nothing is asked before somebody signs in there.
#[derive(Default)]
pub struct Oidc {
    http: OnceLock<reqwest::Client>,
    known: RwLock<Option<(Time, Arc<CoreProviderMetadata>)>>,
}

#[derive(Debug, thiserror::Error)]
enum Unreached {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("the answer cannot be read")]
    Answer(#[from] openidconnect::http::Error),
    #[error("the answer is larger than {MOST} bytes")]
    Large,
}

impl Oidc {
    pub async fn client(&self, app: &App) -> Answer<Client> {
        let settings = &app.config.oidc;
        if settings.issuer.is_empty() {
            return Err(Problem::not_found("way to sign in"));
        }
        let metadata = self.metadata(app).await?;
        let secret = secret(app)?;
        let in_body = metadata
            .token_endpoint_auth_methods_supported()
            .is_some_and(|all| {
                !all.contains(&CoreClientAuthMethod::ClientSecretBasic)
                    && all.contains(&CoreClientAuthMethod::ClientSecretPost)
            });
        let id = ClientId::new(settings.client_id.clone());
        let back = RedirectUrl::new(format!("{}{CALLBACK}", app.config.origin))
            .map_err(|e| Problem::internal("the address for coming back", e))?;
        let client = Client::from_provider_metadata((*metadata).clone(), id, secret);
        let client = client.set_redirect_uri(back);
        Ok(match in_body {
            true => client.set_auth_type(AuthType::RequestBody),
            false => client,
        })
    }

    async fn metadata(&self, app: &App) -> Answer<Arc<CoreProviderMetadata>> {
        let now = app.now();
        let known = self.known.read().unwrap_or_else(|e| e.into_inner()).clone();
        if let Some((at, metadata)) = known
            && now.since(at) < KNOWN_FOR
        {
            return Ok(metadata);
        }
        let issuer = IssuerUrl::new(app.config.oidc.issuer.clone())
            .map_err(|e| Problem::internal("the provider's address", e))?;
        let http = self.http(app)?;
        let call = |request| send(http.clone(), request);
        let found = CoreProviderMetadata::discover_async(issuer, &call).await;
        let found = Arc::new(found.map_err(|e| away("asking the provider what it is", &e))?);
        *self.known.write().unwrap_or_else(|e| e.into_inner()) = Some((now, found.clone()));
        Ok(found)
    }

    fn http(&self, app: &App) -> Answer<reqwest::Client> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        tls::install_provider();
        let failed = |e: &dyn std::fmt::Display| Problem::internal("a client for the provider", e);
        // A redirect could lead to our own network.
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent("boathook-server");
        let ca = &app.config.oidc.ca;
        if !ca.as_os_str().is_empty() {
            let pem = std::fs::read(ca).map_err(|e| failed(&e))?;
            let certificates =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| failed(&e))?;
            builder = builder.tls_certs_only(certificates);
        }
        let http = builder.build().map_err(|e| failed(&e))?;
        Ok(self.http.get_or_init(|| http).clone())
    }
}

async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Unreached> {
    let mut response = http.execute(request.try_into()?).await?;
    let mut answer = openidconnect::http::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        answer = answer.header(name, value);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MOST {
            return Err(Unreached::Large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(answer.body(body)?)
}

/// 503: nobody can sign in there now. Why goes to the log.
fn away(operation: &'static str, error: &dyn std::error::Error) -> Problem {
    let mut why = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        why.push_str(": ");
        why.push_str(&source.to_string());
        next = source.source();
    }
    tracing::warn!(operation, why, "the provider of sign-ins is away");
    Problem::busy(
        "the provider that you sign in at does not answer as it should; the server's log says why",
        10,
    )
}

fn secret(app: &App) -> Answer<Option<ClientSecret>> {
    let path = &app.config.oidc.client_secret_file;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let read = || -> Result<String, String> {
        let bytes = read_secret(path).map_err(|e| e.to_string())?;
        let text = std::str::from_utf8(&bytes).map_err(|e| e.to_string())?;
        Ok(text.trim().to_owned())
    };
    let text = read().map_err(|e| Problem::internal("reading oidc.client_secret_file", e))?;
    Ok(Some(ClientSecret::new(text)))
}

/// Where a browser goes to sign in.
pub fn address(
    app: &App,
    client: &Client,
    state: CsrfToken,
    nonce: Nonce,
    challenge: PkceCodeChallenge,
) -> String {
    // `openid` is asked for in any case.
    let scopes = app.config.oidc.scopes.iter().filter(|s| *s != "openid");
    let (url, ..) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || state,
            move || nonce,
        )
        .add_scopes(scopes.cloned().map(Scope::new))
        .set_pkce_challenge(challenge)
        .url();
    url.into()
}

/// The claims that the provider signed for this code, this attempt and us, as they are now.
pub async fn exchange(
    app: &App,
    client: &Client,
    code: AuthorizationCode,
    verifier: PkceCodeVerifier,
    nonce: &Nonce,
) -> Answer<Map<String, Value>> {
    let http = app.oidc.http(app)?;
    let call = |request| send(http.clone(), request);
    let asked = client
        .exchange_code(code)
        .map_err(|e| away("the provider has no address for tokens", &e))?
        .set_pkce_verifier(verifier);
    let tokens = asked.request_async(&call).await.map_err(|e| match &e {
        RequestTokenError::ServerResponse(said) => {
            tracing::info!(?said, "the provider refused a code");
            refusal(
                "oidc_code",
                "the provider does not take its own answer: it was used before, or took too long",
            )
        }
        other => away("asking the provider for a token", other),
    })?;
    let token = tokens
        .id_token()
        .ok_or_else(|| refusal("oidc_no_token", "the provider did not say who you are"))?;
    let now = chrono::DateTime::from_timestamp_millis(app.now().ms()).unwrap_or_default();
    let verifier = client.id_token_verifier().set_time_fn(move || now);
    let claims = token.claims(&verifier, nonce).map_err(wrong)?;
    if let Some(expected) = claims.access_token_hash() {
        let key = token.signing_alg().and_then(|alg| {
            let key = token.signing_key(&verifier)?;
            Ok((alg, key))
        });
        let (alg, key) =
            key.map_err(|e| wrong(ClaimsVerificationError::SignatureVerification(e)))?;
        let actual = AccessTokenHash::from_token(tokens.access_token(), alg, key);
        if actual.ok().as_ref() != Some(expected) {
            return Err(refusal(
                "oidc_access_token",
                "the provider's two tokens do not belong together",
            ));
        }
    }
    match serde_json::to_value(claims) {
        Ok(Value::Object(claims)) => Ok(claims),
        _ => Err(refusal(
            "oidc_no_token",
            "the provider did not say who you are",
        )),
    }
}

fn wrong(error: ClaimsVerificationError) -> Problem {
    use ClaimsVerificationError as E;
    tracing::info!(%error, "the provider's token does not count");
    let (code, words) = match error {
        E::Expired(_) => (
            "oidc_expired",
            "what the provider says of you has ended; is a clock wrong? Begin again",
        ),
        E::InvalidAudience(_) => (
            "oidc_audience",
            "what the provider says is meant for another program",
        ),
        E::InvalidIssuer(_) => ("oidc_issuer", "somebody else than the provider answered"),
        E::InvalidNonce(_) => (
            "oidc_nonce",
            "what the provider says belongs to another sign-in",
        ),
        E::SignatureVerification(_) => {
            ("oidc_signature", "what came is not signed by the provider")
        }
        _ => ("oidc_token", "what the provider says cannot be used"),
    };
    refusal(code, words)
}
