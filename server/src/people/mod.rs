//! Who asks, and by what authority: an extractor's type is the check. Each role has one, with its customers inside.
mod admin;
mod caller;
mod engineer;
mod engineer_or_reviewer;
mod house_admin;
pub mod password;
mod reviewer;
pub mod secrets;
mod staff;
mod viewer;

pub use admin::Admin;
pub use caller::{AnyRole, Caller};
pub use engineer::Engineer;
pub use engineer_or_reviewer::EngineerOrReviewer;
pub use house_admin::HouseAdmin;
pub use reviewer::Reviewer;
pub use staff::Staff;
pub use viewer::Viewer;
