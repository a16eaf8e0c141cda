//! Who asks, and by what authority: an extractor's type is the check. Each role has one, with its customers inside.
mod admin;
mod caller;
mod engineer;
mod engineer_or_reviewer;
pub mod grants;
mod house_admin;
pub mod password;
mod reviewer;
pub mod secrets;
pub mod set_up;
mod staff;
mod viewer;

pub use admin::Admin;
pub use caller::{AnyRole, Caller, both, of_token};
pub use engineer::Engineer;
pub use engineer_or_reviewer::EngineerOrReviewer;
pub use house_admin::HouseAdmin;
pub use reviewer::Reviewer;
pub use staff::Staff;
pub use viewer::Viewer;
