package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	ory "github.com/ory/client-go"
)

// provedKey of an identity's metadata_admin (which only the admin API can write) lists the e-mail addresses whose first
// proof has been acted upon.
const provedKey = "proved_addresses"

// adminAPI is what the hooks need of Kratos's admin API. An identity that is not there any more counts as dealt with.
type adminAPI struct {
	api  *ory.APIClient
	http *http.Client
}

type adminIdentity struct{ *ory.Identity }

func newAdminAPI(base string, client *http.Client) *adminAPI {
	return &adminAPI{api: newAPIClient(strings.TrimRight(base, "/"), client), http: client}
}

// identity returns nil if there is none.
func (a *adminAPI) identity(ctx context.Context, id uuid.UUID) (*adminIdentity, error) {
	i, resp, err := a.api.IdentityAPI.GetIdentity(ctx, id.String()).Execute() //nolint:bodyclose // client-go has read and closed it
	switch {
	case resp != nil && resp.StatusCode == http.StatusNotFound:
		return nil, nil
	case err != nil || i == nil:
		return nil, adminError("read identity", resp)
	}
	return &adminIdentity{i}, nil
}

// verified lists the identity's verified e-mail addresses.
func (i *adminIdentity) verified() []string {
	var all []string
	for _, address := range i.VerifiableAddresses {
		if address.Via == "email" && address.Verified {
			all = append(all, strings.ToLower(strings.TrimSpace(address.Value)))
		}
	}
	return all
}

// recorded lists the addresses whose proof is on record.
func (i *adminIdentity) recorded() []string {
	var all []string
	list, _ := i.MetadataAdmin[provedKey].([]any)
	for _, v := range list {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

func (i *adminIdentity) hasUnrecorded() bool {
	recorded := i.recorded()
	return slices.ContainsFunc(i.verified(), func(v string) bool { return !slices.Contains(recorded, v) })
}

func (i *adminIdentity) has(credential string) (ory.IdentityCredentials, bool) {
	if i.Credentials == nil {
		return ory.IdentityCredentials{}, false
	}
	c, ok := (*i.Credentials)[credential]
	return c, ok
}

// overwritePassword makes an identity's password one that nobody knows. Kratos v1.3.1 refuses to delete it ("You cannot
// remove first factor credentials").
func (a *adminAPI) overwritePassword(ctx context.Context, i *adminIdentity) error {
	if _, ok := i.has("password"); !ok {
		return nil
	}
	password := rand.Text() + rand.Text() // 260 bits, 52 characters: bcrypt takes 72
	_, resp, err := a.api.IdentityAPI.UpdateIdentity(ctx, i.Id).UpdateIdentityBody(ory.UpdateIdentityBody{
		SchemaId:       i.SchemaId,
		State:          i.GetState(),
		Traits:         traits(i.Traits),
		MetadataAdmin:  i.MetadataAdmin,
		MetadataPublic: i.MetadataPublic,
		Credentials: &ory.IdentityWithCredentials{Password: &ory.IdentityWithCredentialsPassword{
			Config: &ory.IdentityWithCredentialsPasswordConfig{Password: &password},
		}},
	}).Execute() //nolint:bodyclose // client-go has read and closed it
	if err != nil && !gone(resp) {
		return adminError("overwrite password", resp)
	}
	return nil
}

// unlinkAccounts cuts every link to an account elsewhere.
func (a *adminAPI) unlinkAccounts(ctx context.Context, i *adminIdentity) error {
	links, ok := i.has("oidc")
	if !ok {
		return nil
	}
	for _, link := range links.Identifiers {
		resp, err := a.api.IdentityAPI.DeleteIdentityCredentials(ctx, i.Id, "oidc").Identifier(link).Execute() //nolint:bodyclose // client-go has read and closed it
		if err != nil && !gone(resp) {
			return adminError("unlink account", resp)
		}
	}
	return nil
}

func (a *adminAPI) endSessions(ctx context.Context, i *adminIdentity) error {
	resp, err := a.api.IdentityAPI.DeleteIdentitySessions(ctx, i.Id).Execute() //nolint:bodyclose // client-go has read and closed it
	if err != nil && !gone(resp) {
		return adminError("end sessions", resp)
	}
	return nil
}

// recordProved notes every verified address as dealt with, beside what else the metadata holds.
func (a *adminAPI) recordProved(ctx context.Context, i *adminIdentity) error {
	if !i.hasUnrecorded() {
		return nil
	}
	metadata := map[string]any{}
	for k, v := range i.MetadataAdmin {
		metadata[k] = v
	}
	// Addresses that are not the identity's any more are dropped: whoever brings one back proves it again.
	metadata[provedKey] = i.verified()
	_, resp, err := a.api.IdentityAPI.PatchIdentity(ctx, i.Id).JsonPatch([]ory.JsonPatch{
		{Op: "add", Path: "/metadata_admin", Value: metadata},
	}).Execute() //nolint:bodyclose // client-go has read and closed it
	if err != nil && !gone(resp) {
		return adminError("record proof of address", resp)
	}
	return nil
}

func traits(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func gone(resp *http.Response) bool { return resp != nil && resp.StatusCode == http.StatusNotFound }

// adminError leaves client-go's error out: it quotes the answer.
func adminError(what string, resp *http.Response) error {
	if resp == nil {
		return errors.New(what + " at kratos: no answer")
	}
	return fmt.Errorf("%s at kratos: unexpected answer, status %d", what, resp.StatusCode)
}
