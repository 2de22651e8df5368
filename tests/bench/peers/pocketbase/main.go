// PocketBase as it comes, with one public collection for the clients that tools/bench writes and lists.
//
//	pocketbase serve --http 127.0.0.1:0 --dir FOLDER
package main

import (
	"fmt"
	"log"
	"net"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

var fields = []string{"full_name", "phone", "email", "gender", "date_of_birth", "address", "city", "branch"}

// The fields, keys and indexes of synclog's clients. Rules that are empty, not absent, let everybody in.
func makeClients(app core.App) error {
	if _, err := app.FindCollectionByNameOrId("clients"); err == nil {
		return nil
	}
	clients := core.NewBaseCollection("clients")
	clients.ListRule, clients.ViewRule, clients.CreateRule = types.Pointer(""), types.Pointer(""), types.Pointer("")
	clients.Fields.Add(&core.TextField{Name: "reference_number"})
	for _, name := range fields {
		clients.Fields.Add(&core.TextField{Name: name})
	}
	clients.Fields.Add(&core.JSONField{Name: "data"})
	clients.Fields.Add(&core.AutodateField{Name: "created", OnCreate: true})
	clients.Fields.Add(&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
	clients.AddIndex("clients_reference", true, "reference_number", "")
	clients.AddIndex("clients_created", false, "created, id", "")
	clients.AddIndex("clients_branch", false, "branch, created, id", "")
	clients.AddIndex("clients_phone", false, "phone, created, id", "")
	return app.Save(clients)
}

func main() {
	app := pocketbase.New()
	app.OnServe().BindFunc(func(serving *core.ServeEvent) error {
		if err := makeClients(serving.App); err != nil {
			return err
		}
		// Its own listener would not say which port it was given.
		listener, err := net.Listen("tcp", serving.Server.Addr)
		if err != nil {
			return err
		}
		serving.Listener = listener
		fmt.Printf("PocketBase listening on http://%s\n", listener.Addr())
		return serving.Next()
	})
	if err := app.Start(); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}
