//! For whom a caller may read and write: an argument of every verb, so that no path can forget to ask.
use std::collections::BTreeSet;

use boathook_hooks::ids::{CustomerId, InstanceId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A person with a role for all customers: every customer, and the house.
    All,
    /// A person with roles for some customers; never the house's own records.
    Only(BTreeSet<CustomerId>),
    /// An agent with a bearer: its own claims and answers, and what its customer's instances are offered.
    Instance {
        customer: CustomerId,
        instance: InstanceId,
    },
    /// boathook itself: enrolment, sign-in, periodic work, and commands on the server's machine.
    System,
}

impl Scope {
    pub fn one(customer: CustomerId) -> Self {
        Self::Only(BTreeSet::from([customer]))
    }

    /// What belongs to the house: people, trust, the control log, hooks for all who opted in.
    pub const fn holds_house(&self) -> bool {
        matches!(self, Self::All | Self::System)
    }

    pub fn holds(&self, customer: &CustomerId) -> bool {
        match self {
            Self::All | Self::System => true,
            Self::Only(set) => set.contains(customer),
            Self::Instance { customer: own, .. } => own == customer,
        }
    }

    /// Whether a record of these customers may be read: one of them is enough, none is the house's.
    pub fn holds_any(&self, customers: &[CustomerId]) -> bool {
        self.holds_house() || customers.iter().any(|c| self.holds(c))
    }

    /// Whether a record of these customers may be changed: all of them are needed, none is the house's.
    pub fn holds_all(&self, customers: &[CustomerId]) -> bool {
        self.holds_house() || (!customers.is_empty() && customers.iter().all(|c| self.holds(c)))
    }

    /// Whether this caller may act for that instance: itself, the system, or a person of its customer.
    pub fn holds_instance(&self, customer: &CustomerId, instance: &InstanceId) -> bool {
        match self {
            Self::Instance {
                customer: own,
                instance: me,
            } => own == customer && me == instance,
            _ => self.holds(customer),
        }
    }

    /// Agents act on themselves only: what people and the system do is closed to them.
    pub const fn is_agent(&self) -> bool {
        matches!(self, Self::Instance { .. })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn acme() -> CustomerId {
        "acme".parse().unwrap()
    }
    fn bolt() -> CustomerId {
        "bolt".parse().unwrap()
    }

    #[test]
    fn a_record_of_two_customers_is_read_with_one_and_changed_with_both() {
        let one = Scope::one(acme());
        assert!(one.holds_any(&[acme(), bolt()]));
        assert!(!one.holds_all(&[acme(), bolt()]));
        assert!(Scope::Only([acme(), bolt()].into()).holds_all(&[acme(), bolt()]));
    }

    #[test]
    fn a_record_of_no_customer_is_the_houses() {
        assert!(!Scope::one(acme()).holds_any(&[]));
        assert!(!Scope::one(acme()).holds_all(&[]));
        assert!(Scope::All.holds_all(&[]));
    }

    #[test]
    fn an_instance_holds_itself_and_no_neighbour() {
        let me: InstanceId = "i-1".parse().unwrap();
        let other: InstanceId = "i-2".parse().unwrap();
        let scope = Scope::Instance {
            customer: acme(),
            instance: me.clone(),
        };
        assert!(scope.holds_instance(&acme(), &me));
        assert!(!scope.holds_instance(&acme(), &other));
        assert!(!scope.holds_instance(&bolt(), &me));
    }
}
