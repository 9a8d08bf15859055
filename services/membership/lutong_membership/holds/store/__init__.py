"""SQL of holds, assessments, consultations and applicants."""
