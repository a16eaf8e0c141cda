//! Trust documents: what stands, bringing new ones, and requests for admission. Verified before they are stored.
mod admissions;
mod documents;
mod view;

pub use admissions::{AdmissionView, admissions, ask_admission, drop_admission, drop_key};
pub use documents::{Imported, import, import_document, read};
pub use view::{RevocationView, RootView, RosterView, TrustView, get, root, roster, view};

pub(crate) use admissions::{__path_admissions, __path_ask_admission, __path_drop_admission};
pub(crate) use documents::__path_import;
pub(crate) use view::{__path_get, __path_root, __path_roster};
