package byok

import (
	"context"

	"github.com/google/uuid"

	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
)

// Vaults are the tables of the public brain that hold sealed secrets: own keys, and header values of MCP servers.
func Vaults() []tenant.Vault {
	q := publicdb.New()
	return []tenant.Vault{
		{
			Name: "own-keys",
			Page: func(ctx context.Context, db tenant.DBTX, primary string, after secret.Place, limit int) ([]tenant.VaultRow, error) {
				rows, err := q.KeyRotationPage(ctx, db, publicdb.KeyRotationPageParams{
					PrimaryKeyID: primary, AfterUser: after.User, AfterProvider: after.Provider, MaxRows: int32(limit),
				})
				page := make([]tenant.VaultRow, len(rows))
				for i, r := range rows {
					page[i] = vaultRow(r.UserID, r.Provider, r.ID, r.KeyID, r.Ciphertext)
				}
				return page, err
			},
			Replace: func(ctx context.Context, db tenant.DBTX, row tenant.VaultRow, by secret.Sealed) (int64, error) {
				return q.KeyRotate(ctx, db, publicdb.KeyRotateParams{
					Ciphertext: by.Ciphertext, KeyID: by.KeyID, UserID: row.Place.User, Provider: row.Place.Provider, ID: row.Place.Record,
					OldCiphertext: row.Sealed.Ciphertext, OldKeyID: row.Sealed.KeyID,
				})
			},
		},
		{
			Name: "mcp-headers",
			Page: func(ctx context.Context, db tenant.DBTX, primary string, after secret.Place, limit int) ([]tenant.VaultRow, error) {
				rows, err := q.HeadersRotationPage(ctx, db, publicdb.HeadersRotationPageParams{
					PrimaryKeyID: primary, AfterUser: after.User, AfterID: after.Record, MaxRows: int32(limit),
				})
				page := make([]tenant.VaultRow, len(rows))
				for i, r := range rows {
					page[i] = vaultRow(r.UserID, secret.MCP, r.ID, *r.KeyID, r.HeadersCiphertext)
				}
				return page, err
			},
			Replace: func(ctx context.Context, db tenant.DBTX, row tenant.VaultRow, by secret.Sealed) (int64, error) {
				return q.HeadersRotate(ctx, db, publicdb.HeadersRotateParams{
					Ciphertext: by.Ciphertext, KeyID: by.KeyID, UserID: row.Place.User, ID: row.Place.Record,
					OldCiphertext: row.Sealed.Ciphertext, OldKeyID: row.Sealed.KeyID,
				})
			},
		},
	}
}

func vaultRow(user uuid.UUID, provider string, id uuid.UUID, keyID string, ciphertext []byte) tenant.VaultRow {
	return tenant.VaultRow{
		Place:  secret.Place{User: user, Provider: provider, Record: id},
		Sealed: secret.Sealed{KeyID: keyID, Ciphertext: ciphertext},
	}
}
