-- The example data of a fresh tenant, as README.md describes it.

return {
  resource_servers = {
    {
      identifier = "https://api.example.com/", name = "Example API",
      scopes = {
        { value = "read:reports", description = "Read reports" },
        { value = "write:reports", description = "Write reports" },
        { value = "delete:reports", description = "Delete reports" },
        { value = "read:invoices", description = "Read invoices" },
        { value = "approve:invoices", description = "Approve invoices" },
      },
    },
  },
  roles = {
    {
      id = "rol_Auditor0000000001", name = "Auditor", description = "May look, may not touch",
      permissions = {
        { resource_server_identifier = "https://api.example.com/", permission_name = "read:reports" },
      },
    },
  },
  users = {
    {
      user_id = "auth0|5f7c8ec7c33c6c004bbafe82", email = "ada@example.com", name = "Ada Example",
      roles = { "rol_Auditor0000000001" },
    },
    { user_id = "auth0|5f7c8ec7c33c6c004bbafe83", email = "grace@example.com", name = "Grace Example" },
  },
  clients = {},
}
